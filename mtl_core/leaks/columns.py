"""Columns as integer codes, so that the relation of two columns needs only counts of rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mtl_core import arrow_compute as pc
from mtl_core.arrow import as_numbers, as_plain, as_strings, decoded, is_number, is_temporal, null_if_empty, scalar_type
from mtl_core.timestamps import as_microseconds

MIN_ROWS, MAX_ROWS, MAX_CELLS = 1_000, 20_000, 10_000_000
"""Rows of the sample; and rows times pairs of a feature and a target, which take about a second."""
MAX_MAGNITUDE = 1e150
"""Larger numbers count as missing, since their squares overflow."""
MAX_CLASSES = 12
"""Maximum distinct values of numbers that are compared as classes."""

Codes = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class CodedColumn:
    """A column of the sample."""

    name: str
    valid: NDArray[np.bool_]
    """(rows,) mask of the rows with a value."""
    numbers: NDArray[np.float64] | None
    """(rows,) NaN without a value; None for text."""
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
    def is_categorical(self) -> bool:
        """True for text, booleans, and numbers of few distinct values."""
        return self.numbers is None or self.size <= MAX_CLASSES

    @cached_property
    def is_index(self) -> bool:
        """True for an index of the rows: distinct whole numbers with few gaps, or sorted in the file."""
        if self.numbers is None:
            return False
        numbers = self.numbers[self.valid]
        if len(numbers) < 2 or self.size < 0.99 * len(numbers):
            return False
        if not np.array_equal(numbers, np.floor(numbers)):
            return False
        span, steps = numbers.max() - numbers.min(), np.diff(numbers)
        return bool(span < 2 * len(numbers) or (steps > 0).all() or (steps < 0).all())


def read_columns(table: pa.Table, features: Sequence[str], targets: Sequence[str]) -> dict[str, CodedColumn]:
    """The columns of a sample of evenly spaced rows, in their order; fewer rows for more pairs of columns."""
    names = list(dict.fromkeys((*features, *targets)))
    pairs = max(1, len(features) * len(targets))
    rows = min(MAX_ROWS, max(MIN_ROWS, MAX_CELLS // pairs), table.num_rows)
    indices = pa.array(np.linspace(0, table.num_rows - 1, rows).astype(np.int64)) if rows else pa.array([], pa.int64())
    return {name: _column(name, as_plain(table[name].combine_chunks()).take(indices)) for name in names}


def _column(name: str, values: pa.Array) -> CodedColumn:
    values = decoded(values)
    if pa.types.is_boolean(values.type):
        numbers = as_numbers(values)
        valid = np.isfinite(numbers)
        return CodedColumn(name, valid, numbers, np.where(valid, numbers, -1).astype(np.int64), ("false", "true"))
    if is_number(values.type):
        return _number_column(name, as_numbers(values))
    if is_temporal(values.type):
        return _number_column(name, as_numbers(pc.cast(as_microseconds(values), pa.int64())))
    if scalar_type(values.type) == "string":
        entries = null_if_empty(as_strings(values)).dictionary_encode()
        codes = pc.fill_null(entries.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
        return CodedColumn(name, codes >= 0, None, codes, tuple(entries.dictionary.to_pylist()))
    valid = np.asarray(pc.is_valid(values).to_numpy(zero_copy_only=False), dtype=np.bool_)
    return CodedColumn(name, valid, None, np.full(len(values), -1, dtype=np.int64), ())


def _number_column(name: str, numbers: NDArray[np.float64]) -> CodedColumn:
    valid = np.isfinite(numbers) & (np.abs(numbers) < MAX_MAGNITUDE)
    distinct, valid_codes = np.unique(numbers[valid], return_inverse=True)
    codes = np.full(len(numbers), -1, dtype=np.int64)
    codes[valid] = valid_codes
    return CodedColumn(name, valid, np.where(valid, numbers, np.nan), codes, tuple(distinct.tolist()))
