"""Limits of expectations around the values of the reference, rounded to three significant digits."""

import math
import sys
from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

Limits = dict[str, int | float]


def min_share_present(shares_missing: Sequence[float]) -> float:
    """Minimum share of values in a part.

    The maximum share of missing values is 5% plus three times that of the worst part, but leaves at least half of the
    share that the worst part has.
    """
    worst = max(shares_missing)
    return max(0.0, _rounded(1 - min(3 * worst + 0.05, (1 + worst) / 2), ROUND_FLOOR))


def count_limits(counts: Sequence[int]) -> Limits:
    """Limits from half of the smallest count, at least 1, to twice the largest."""
    return {"min_value": max(1, min(counts) // 2), "max_value": max(counts) * 2}


def range_limits(low: float, high: float) -> Limits:
    """The range, widened by its width on both sides, but never across 0."""
    width = high - low or abs(low) or 1.0
    wide_low = low - width if low < 0 else max(0.0, low - width)
    wide_high = high + width if high > 0 else min(0.0, high + width)
    return _limits(wide_low, wide_high)


def mean_limits(means: Sequence[float], deviation: float) -> Limits:
    """The range of the parts' means, widened by a standard deviation on both sides."""
    slack = deviation or abs(means[0]) or 1.0
    return _limits(min(means) - slack, max(means) + slack)


def rate_limits(rates: Sequence[tuple[int, int]]) -> Limits:
    """(positives, rows) per part -> limits of the rate.

    The limits go from a quarter of the smallest to four times the largest odds, widened by three standard errors.
    """
    smoothed = [(positives + 0.5) / (rows + 1) for positives, rows in rates]  # a rate of 0 is rare, not impossible
    min_rows = min(rows for _, rows in rates)
    low, high = _scale_odds(min(smoothed), 0.25), _scale_odds(max(smoothed), 4.0)
    low -= 3 * math.sqrt(low * (1 - low) / min_rows)
    high += 3 * math.sqrt(high * (1 - high) / min_rows)
    return _limits(max(0.0, low), min(1.0, high))


def _scale_odds(rate: float, factor: float) -> float:
    odds = factor * rate / (1 - rate)
    return odds / (1 + odds)


def _limits(low: float, high: float) -> Limits:
    return {"min_value": _plain(_rounded(low, ROUND_FLOOR)), "max_value": _plain(_rounded(high, ROUND_CEILING))}


def _rounded(number: float, rounding: str) -> float:
    limit = sys.float_info.max
    number = min(max(number, -limit), limit)
    if number == 0:
        return 0.0
    third_digit = Decimal(1).scaleb(math.floor(math.log10(abs(number))) - 2)
    return min(max(float(Decimal(f"{number:.12g}").quantize(third_digit, rounding=rounding)), -limit), limit)


def _plain(number: float) -> int | float:
    """Whole numbers as int."""
    return int(number) if number.is_integer() and abs(number) < 2**53 else number
