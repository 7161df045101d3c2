"""Columns as codes, so that each relation of two columns costs a few counts of rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mtl_core import arrow_compute as pc
from mtl_core.arrow import (
    as_numbers,
    as_plain,
    as_strings,
    decoded,
    is_number,
    is_temporal,
    null_if_empty,
    scalar_type,
)
from mtl_core.timestamps import as_microseconds

MIN_ROWS, MAX_ROWS, MAX_CELLS = 1_000, 20_000, 10_000_000
"""Rows of the sample; and rows times pairs of a feature and a target, which take about a second."""
LIMIT = 1e150
"""Numbers beyond it are missing here, since their squares overflow."""
FEW = 12
"""Numbers with up to that many distinct values are classes."""

Codes = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Column:
    """A column of the sample."""

    name: str
    known: NDArray[np.bool_]
    """(rows,) where it has a value."""
    numbers: NDArray[np.float64] | None
    """(rows,) NaN where it has none; None for text."""
    codes: Codes
    """(rows,) 0 to size - 1 in the order of the values, -1 without one; all -1 for lists."""
    values: Sequence[Any]
    """The value of each code."""

    @property
    def size(self) -> int:
        """Number of distinct values."""
        return len(self.values)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The text of each code's value."""
        return tuple(value if isinstance(value, str) else f"{value:g}" for value in self.values)

    @property
    def is_classes(self) -> bool:
        """True for text, booleans, and numbers of few distinct values."""
        return self.numbers is None or self.size <= FEW

    @cached_property
    def is_index(self) -> bool:
        """True for whole numbers that number the rows: each once, with few gaps, or rising with the file."""
        numbers = None if self.numbers is None else self.numbers[self.known]
        if numbers is None or len(numbers) < 2 or self.size < 0.99 * len(numbers):
            return False
        if not np.array_equal(numbers, np.floor(numbers)):
            return False
        span, steps = numbers.max() - numbers.min(), np.diff(numbers)
        return bool(span < 2 * len(numbers) or (steps > 0).all() or (steps < 0).all())


def read_columns(table: pa.Table, features: Sequence[str], targets: Sequence[str]) -> dict[str, Column]:
    """The columns of a sample of the table's rows, evenly spaced, in their order; fewer rows for more pairs."""
    names = list(dict.fromkeys((*features, *targets)))
    pairs = max(1, len(features) * len(targets))
    rows = min(MAX_ROWS, max(MIN_ROWS, MAX_CELLS // pairs), table.num_rows)
    indices = pa.array(np.linspace(0, table.num_rows - 1, rows).astype(np.int64)) if rows else pa.array([], pa.int64())
    return {name: _column(name, as_plain(table[name].combine_chunks()).take(indices)) for name in names}


def _column(name: str, values: pa.Array) -> Column:
    values = decoded(values)
    if pa.types.is_boolean(values.type):
        numbers = as_numbers(values)
        known = np.isfinite(numbers)
        return Column(name, known, numbers, np.where(known, numbers, -1).astype(np.int64), ("false", "true"))
    if is_number(values.type):
        return _of_numbers(name, as_numbers(values))
    if is_temporal(values.type):
        return _of_numbers(name, as_numbers(pc.cast(as_microseconds(values), pa.int64())))
    if scalar_type(values.type) == "string":
        entries = null_if_empty(as_strings(values)).dictionary_encode()
        codes = pc.fill_null(entries.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
        return Column(name, codes >= 0, None, codes, tuple(entries.dictionary.to_pylist()))
    known = np.asarray(pc.is_valid(values).to_numpy(zero_copy_only=False), dtype=np.bool_)
    return Column(name, known, None, np.full(len(values), -1, dtype=np.int64), ())


def _of_numbers(name: str, numbers: NDArray[np.float64]) -> Column:
    known = np.isfinite(numbers) & (np.abs(numbers) < LIMIT)
    distinct, codes = np.unique(numbers[known], return_inverse=True)
    full = np.full(len(numbers), -1, dtype=np.int64)
    full[known] = codes
    return Column(name, known, np.where(known, numbers, np.nan), full, tuple(distinct.tolist()))
