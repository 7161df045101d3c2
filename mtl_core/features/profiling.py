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


def distinct(parts: Sequence[pd.Series]) -> set[Any]:
    """The distinct values of all parts."""
    return set().union(*(values.dropna().unique().tolist() for values in parts))


def finite(parts: Sequence[pd.Series]) -> list[NDArray[np.float64]]:
    """The finite numbers of each part, without parts that have none."""
    numbers = (np.asarray(values, dtype=np.float64) for values in parts)
    return [known for each in numbers if len(known := each[np.isfinite(each)])]


def infinite_shares(parts: Sequence[pd.Series]) -> list[float]:
    """The share of infinities among the numbers of each part."""
    numbers = (np.asarray(values, dtype=np.float64) for values in parts)
    return [float(np.isinf(known).mean()) for each in numbers if len(known := each[~np.isnan(each)])]


def range_expectations(column: str, parts: Sequence[pd.Series]) -> list[Expectation]:
    """An expectation of the widened range of the parts' finite numbers; none without them, or where all are 0.

    An infinity breaks it, but where the parts hold some, a share of the numbers may lie outside.
    """
    known, shares = finite(parts), infinite_shares(parts)
    if not known:
        return []
    low, high = (float(extreme(extreme(numbers) for numbers in known)) for extreme in (min, max))
    if low == high == 0:  # a flag that no row of the reference has says nothing about the next part
        return []
    limits, notes = range_limits(low, high), f"{low:g} to {high:g}"
    if max(shares) == 0:
        return [expect("column_values_to_be_between", notes, column=column, **limits)]
    if not (mostly := min_share_present(shares)):
        return []
    notes += f", {span(shares, '.2%')} infinite in a part"
    return [expect("column_values_to_be_between", notes, column=column, **limits, mostly=mostly)]


def span(values: Sequence[float], form: str) -> str:
    """The smallest and the largest value in that format, or a single one where both have the same text."""
    low, high = format(min(values), form), format(max(values), form)
    return low if low == high else f"{low} to {high}"


def tidy(values: Iterable[Any]) -> list[Any]:
    """The values sorted, whole numbers as int."""
    return sorted(int(value) if isinstance(value, float) and value.is_integer() else value for value in values)
