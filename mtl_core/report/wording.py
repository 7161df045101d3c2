"""Numbers as text."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mtl_core.studies.comparison.record import Gain

UNDEFINED = "\N{EN DASH}"
"""Text of an undefined number."""

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float | None, digits: int = 4) -> str:
    """Text with that many significant digits; commas between thousands, powers of ten for extreme values."""
    if value is None or not math.isfinite(value):
        return UNDEFINED
    if value == 0:
        return "0"
    if abs(value) >= 1e9 or abs(value) < 1e-4:
        mantissa, exponent = f"{value:.1e}".split("e")
        return _minus(f"{mantissa} \N{MULTIPLICATION SIGN} 10{str(int(exponent)).translate(_SUPERSCRIPT)}")
    return _minus(f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.{digits}g}")


def integer(value: float) -> str:
    """Text of a count: 12,345."""
    return f"{value:,.0f}"


def plural(count: int, noun: str) -> str:
    """Text of a count and its noun: 1 epoch, 2 epochs."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


def percent(share: float | None) -> str:
    """Percent with one decimal; a share between 0 and 1 never reads as 0% or 100%."""
    if share is None or not math.isfinite(share):
        return UNDEFINED
    if 0 < share < 0.001:
        return "< 0.1%"
    if 0.999 < share < 1:
        return "> 99.9%"
    return _minus(f"{share * 100:.1f}".removesuffix(".0") + "%")


def decimal_places(scale: float) -> int:
    """Decimals that show two digits of a scale: a standard error, the width of an interval."""
    return max(0, min(6, 1 - math.floor(math.log10(scale)))) if math.isfinite(scale) and scale > 0 else 4


def interval_decimal_places(low: float | None, high: float | None) -> int:
    """Decimals that show two digits of an interval's width; 4 where it is undefined."""
    return 4 if low is None or high is None else decimal_places(high - low)


def gain_decimal_places(gain: "Gain | None") -> int:
    """Decimals that show two digits of the width of a gain's interval."""
    return 4 if gain is None else interval_decimal_places(gain.low, gain.high)


def affinity_decimal_places(affinity: Mapping[str, Mapping[str, float]]) -> int:
    """Decimals that show two digits of the largest affinity between two tasks, in percent."""
    between = [abs(value) for a, others in affinity.items() for b, value in others.items() if a != b]
    return decimal_places(100 * max(between, default=0.0))


def rounded(value: float | None, decimals: int) -> str:
    """Text with a fixed number of decimals."""
    return UNDEFINED if value is None or not math.isfinite(value) else _minus(f"{value:z,.{decimals}f}")


def signed(value: float | None, decimals: int) -> str:
    """As `rounded`, with a plus sign where the rounded value is above 0."""
    text = rounded(value, decimals)
    return f"+{text}" if value is not None and value > 0 and text != UNDEFINED and text.strip("0.") else text


def interval(low: float | None, high: float | None, decimals: int) -> str:
    """Both ends: "0.1 to 0.3"."""
    return f"{rounded(low, decimals)} to {rounded(high, decimals)}"


def number_range(values: Sequence[float]) -> str:
    """The smallest and the largest value, "0.1 to 0.3"; one text where both are equal."""
    low, high = (number(value, 3) for value in (min(values), max(values))) if values else (UNDEFINED, UNDEFINED)
    return low if low == high else f"{low} to {high}"


def interval_percent(low: float, high: float) -> str:
    """Both ends in percent."""
    return f"{percent(low)} to {percent(high)}"


def option_value(value: Any) -> str:
    """The value of an option as in `params.yaml`: null, true, 0.001, [64, 32], {epochs: 3}; no keys with null."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {option_value(item)}" for key, item in value.items() if item is not None) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(option_value, value)) + "]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def with_unit(text: str, unit: str) -> str:
    """The number, followed by its unit if it has one."""
    return f"{text} {unit}" if unit and text != UNDEFINED else text


def join_names(names: Sequence[str], limit: int = 3) -> str:
    """The first names, and the number of others."""
    others = len(names) - limit
    return ", ".join(names[:limit]) + (f" and {plural(others, 'other')}" if others > 0 else "")


def _minus(text: str) -> str:
    return text.replace("-", "\N{MINUS SIGN}")
