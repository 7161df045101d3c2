"""Statistics of a column's values over parts, for profiling."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mtl_core.expectations import Expectation, expect
from mtl_core.limits import min_share_present, range_limits

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

_MIN_MARGIN = np.timedelta64(3653, "D")
"""Ten years."""
FRAME_RANGE = np.datetime64("1678-01-01", "D"), np.datetime64("2262-01-01", "D")
"""Range of the nanosecond timestamps of a validated pandas frame."""


def distinct_values(parts: Sequence[pd.Series]) -> set[Any]:
    """The distinct values of all parts."""
    return set().union(*(values.dropna().unique().tolist() for values in parts))


def finite_numbers(parts: Sequence[pd.Series]) -> list[NDArray[np.float64]]:
    """The finite numbers of each part, without parts that have none."""
    numbers = (np.asarray(values, dtype=np.float64) for values in parts)
    finite = (part[np.isfinite(part)] for part in numbers)
    return [part for part in finite if part.size]


def infinite_shares(parts: Sequence[pd.Series]) -> list[float]:
    """The share of infinities among the numbers of each part."""
    numbers = (np.asarray(values, dtype=np.float64) for values in parts)
    present = (part[~np.isnan(part)] for part in numbers)
    return [float(np.isinf(part).mean()) for part in present if part.size]


def range_expectations(column: str, parts: Sequence[pd.Series]) -> list[Expectation]:
    """An expectation of the widened range of the parts' finite numbers; none without them, or where all are 0.

    An infinity violates it; where the parts have some, a share of the numbers may lie outside.
    """
    numbers, shares = finite_numbers(parts), infinite_shares(parts)
    if not numbers:
        return []
    low = float(min(part.min() for part in numbers))
    high = float(max(part.max() for part in numbers))
    if low == high == 0:  # a flag of no row of the reference, which other parts may have
        return []
    limits, notes = range_limits(low, high), f"{low:g} to {high:g}"
    if max(shares) == 0:
        return [expect("column_values_to_be_between", notes, column=column, **limits)]
    if not (mostly := min_share_present(shares)):
        return []
    notes += f", {format_range(shares, '.2%')} infinite in a part"
    return [expect("column_values_to_be_between", notes, column=column, **limits, mostly=mostly)]


def day_range_expectation(column: str, parts: Sequence[pd.Series]) -> Expectation:
    """Expectation of the widened range of the parts' dates or timestamps, none of which is missing.

    It is at least ten years wider than the reference on both sides, since new rows are later. A placeholder of missing
    dates, such as 9999-12-31, lies outside where the reference has none.
    """
    days = [np.asarray(values, dtype="datetime64[D]") for values in parts]
    low, high = min(part.min() for part in days), max(part.max() for part in days)
    margin = max(high - low, _MIN_MARGIN)
    limits = {"min_value": max(low - margin, FRAME_RANGE[0]), "max_value": min(high + margin, FRAME_RANGE[1])}
    texts = {key: str(day) for key, day in limits.items()}
    return expect("column_values_to_be_between", f"{low} to {high}", column=column, **texts)


def format_range(values: Sequence[float], spec: str) -> str:
    """The smallest and the largest value as text, or one text where both are equal."""
    low, high = format(min(values), spec), format(max(values), spec)
    return low if low == high else f"{low} to {high}"


def sorted_values(values: Iterable[Any]) -> list[Any]:
    """The values sorted, whole numbers as int."""
    return sorted(int(value) if isinstance(value, float) and value.is_integer() else value for value in values)
