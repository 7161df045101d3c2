"""Limits of a suite around the values of the reference. Pure arithmetic, to three significant digits."""

import math
import sys
from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

__all__ = ["count_band", "least_present", "mean_band", "range_band", "rate_band"]

Band = dict[str, int | float]


def least_present(shares_missing: Sequence[float]) -> float:
    """The least share of values in a part: it may miss 5% and thrice the worst part, or half of the way to all."""
    worst = max(shares_missing)
    return max(0.0, _rounded(1 - min(3 * worst + 0.05, (1 + worst) / 2), ROUND_FLOOR))


def count_band(counts: Sequence[int]) -> Band:
    """From half the smallest count, but not nothing, to twice the greatest."""
    return {"min_value": max(1, min(counts) // 2), "max_value": max(counts) * 2}


def range_band(low: float, high: float) -> Band:
    """The range widened by its whole width on both sides, but never across zero."""
    width = high - low or abs(low) or 1.0
    wide_low = low - width if low < 0 else max(0.0, low - width)
    wide_high = high + width if high > 0 else min(0.0, high + width)
    return _band(wide_low, wide_high)


def mean_band(means: Sequence[float], deviation: float) -> Band:
    """The parts' means, widened by a standard deviation on both sides."""
    slack = deviation or abs(means[0]) or 1.0
    return _band(min(means) - slack, max(means) + slack)


def rate_band(rates: Sequence[tuple[int, int]]) -> Band:
    """(yes, rows) per part -> a quarter of the least to four times the greatest odds, with three standard errors."""
    smooth = [(yes + 0.5) / (rows + 1) for yes, rows in rates]  # what a part lacks is rare, not impossible
    fewest = min(rows for _, rows in rates)
    low, high = _scale_odds(min(smooth), 0.25), _scale_odds(max(smooth), 4.0)
    low -= 3 * math.sqrt(low * (1 - low) / fewest)
    high += 3 * math.sqrt(high * (1 - high) / fewest)
    return _band(max(0.0, low), min(1.0, high))


def _scale_odds(rate: float, factor: float) -> float:
    odds = factor * rate / (1 - rate)
    return odds / (1 + odds)


def _band(low: float, high: float) -> Band:
    return {"min_value": _plain(_rounded(low, ROUND_FLOOR)), "max_value": _plain(_rounded(high, ROUND_CEILING))}


def _rounded(number: float, towards: str) -> float:
    most = sys.float_info.max
    number = min(max(number, -most), most)
    if number == 0:
        return 0.0
    last = Decimal(1).scaleb(math.floor(math.log10(abs(number))) - 2)
    return min(max(float(Decimal(f"{number:.12g}").quantize(last, rounding=towards)), -most), most)


def _plain(number: float) -> int | float:
    """Whole numbers without a decimal point, as people write them."""
    return int(number) if number.is_integer() and abs(number) < 2**53 else number
