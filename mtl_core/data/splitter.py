"""Assignment of the rows of a problem's data to its splits."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mtl_core.config import ROW, ColumnSplit, HashSplit, Problem
from mtl_core.data.row_keys import row_keys
from mtl_core.data.split import SPLITS, SplitName, assign
from mtl_core.data.windows import ResolvedSplit

LEFT_OUT: Literal["left out"] = "left out"
"""Rows before the training window, which belong to no split."""
SplitRows = tuple[SplitName, pa.RecordBatch]
"""Rows of one split."""
AssignedRows = tuple[SplitName | Literal["left out"], pa.RecordBatch]
"""Rows of one split, or rows that are left out."""


@dataclass(frozen=True, kw_only=True)
class SplitColumns:
    """The columns that decide about the split of a row, in data with certain columns."""

    column: str | None
    """None for a split by hash."""
    key: str | None
    """The key that is hashed; None if nothing is."""
    row_columns: tuple[str, ...]
    """The columns that the key `row` stands for; none for any other key."""

    @classmethod
    def of(cls, problem: Problem, names: Collection[str]) -> Self:
        """`names`: the columns that every part has; a column of only some parts would change the keys of their rows."""
        split, key = problem.split, None
        if isinstance(split, HashSplit):
            key = split.column
        elif isinstance(split, ColumnSplit) and isinstance(split.validation, float):
            key = split.key
        by_row = key == ROW and ROW not in names
        row_columns = tuple(sorted({*names} - {*problem.targets})) if by_row else ()
        return cls(column=None if isinstance(split, HashSplit) else split.column, key=key, row_columns=row_columns)

    @property
    def declared(self) -> tuple[str, ...]:
        """The columns that params.yaml names."""
        key = None if self.row_columns else self.key
        return tuple(dict.fromkeys(name for name in (self.column, key) if name is not None))

    @property
    def names(self) -> tuple[str, ...]:
        """All columns that are read."""
        return tuple(dict.fromkeys((*self.declared, *self.row_columns)))


@dataclass(frozen=True, kw_only=True)
class Splitter:
    """Assignment of rows to the splits."""

    split: ResolvedSplit
    columns: SplitColumns

    def assign(self, rows: pa.RecordBatch) -> NDArray[np.int8]:
        """(rows,) indices of SPLITS, and `len(SPLITS)` for a row that is left out; DataError for other values."""
        columns, keys = self.columns, None
        if columns.key is not None:
            keys = pa.array(row_keys(rows, columns.row_columns)) if columns.row_columns else rows.column(columns.key)
        if columns.column is None:
            return assign(self.split, keys)
        return assign(self.split, rows.column(columns.column), keys)

    def split_rows(self, rows: pa.RecordBatch) -> Iterator[AssignedRows]:
        """The rows of each split that is not empty, and those that are left out."""
        indices = self.assign(rows)
        for index, name in enumerate((*SPLITS, LEFT_OUT)):
            mask = indices == index
            if mask.any():
                yield name, rows if mask.all() else rows.filter(pa.array(mask))
