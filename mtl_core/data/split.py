"""Assignment of rows to the training, validation and test split. Never by row order, never random."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mtl_core import arrow_compute as pc
from mtl_core.arrow import as_strings, decoded
from mtl_core.config import ROW, ColumnSplit, HashSplit, Problem, Split, TimeSplit
from mtl_core.data.boundaries import boundary_scalar
from mtl_core.data.row_keys import row_keys
from mtl_core.errors import DataError

SplitName = Literal["train", "validation", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "validation", "test")
SplitRows = tuple[SplitName, pa.RecordBatch]
"""Rows of one split."""


@dataclass(frozen=True, kw_only=True)
class Splitter:
    """The declared split of a problem over data with certain columns."""

    split: Split
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
        return cls(split=split, key=key, row_columns=row_columns)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that `assign` reads."""
        column = () if isinstance(self.split, HashSplit) else (self.split.column,)
        keys = self.row_columns if self.row_columns or self.key is None else (self.key,)
        return tuple(dict.fromkeys((*column, *keys)))

    def assign(self, rows: pa.RecordBatch) -> NDArray[np.int8]:
        """(rows,) indices of SPLITS; raises DataError for a row that belongs to none."""
        keys = None
        if self.key is not None:
            keys = pa.array(row_keys(rows, self.row_columns)) if self.row_columns else rows.column(self.key)
        if isinstance(self.split, HashSplit):
            return assign(self.split, keys)
        return assign(self.split, rows.column(self.split.column), keys)

    def split_rows(self, rows: pa.RecordBatch) -> Iterator[SplitRows]:
        """The rows of each split that is not empty."""
        indices = self.assign(rows)
        for index, name in enumerate(SPLITS):
            mask = indices == index
            if mask.any():
                yield name, rows if mask.all() else rows.filter(pa.array(mask))


def assign(split: Split, values: pa.Array, keys: pa.Array | None = None) -> NDArray[np.int8]:
    """(rows,) values of the split's column -> (rows,) indices of SPLITS.

    Args:
        keys: (rows,) keys of the hash, where a split by column takes a share of the training rows for validation.
    """
    _check_no_nulls(split.column, values)
    match split:
        case TimeSplit():
            return _by_time(split, values)
        case HashSplit():
            return _by_hash(split, values)
        case ColumnSplit():
            return _by_column(split, values, keys)


def check_split(split: Split, column: str, values: pa.Array) -> None:
    """DataError if (rows,) values of a column that the split reads cannot be split."""
    _check_no_nulls(column, values, "column" if column == split.column else "key")
    if column == split.column and isinstance(split, TimeSplit):
        _by_time(split, values)
    elif column == split.column and isinstance(split, ColumnSplit):
        _by_value(split, values)


def _check_no_nulls(column: str, values: pa.Array, option: str = "column") -> None:
    if nulls := pc.sum(pc.is_null(values, nan_is_null=True)).as_py():
        raise DataError(
            f"split.{option}: {column!r} must have a value in every row, found {nulls} nulls; "
            "choose a column without nulls"
        )


def check_not_empty(counts: Mapping[SplitName, int]) -> None:
    """DataError for a split without rows."""
    for name, count in counts.items():
        if not count:
            raise DataError(f"split: every split needs rows, found none for {name}; check split in params.yaml")


def _by_time(split: TimeSplit, values: pa.Array) -> NDArray[np.int8]:
    values = decoded(values)
    validation, test = (boundary_scalar(values, split.column, boundary) for boundary in (split.validation, split.test))
    if not pc.less(validation, test).as_py():
        raise DataError(f"split: `validation` must begin before `test`, found {split.validation} and {split.test}")
    return _indices(_mask(pc.less(values, validation)), _mask(pc.greater_equal(values, test)))


def _by_hash(split: HashSplit, keys: pa.Array) -> NDArray[np.int8]:
    fraction = _fractions(keys)
    return _indices(fraction >= split.test + split.validation, fraction < split.test)


def _by_column(split: ColumnSplit, values: pa.Array, keys: pa.Array | None) -> NDArray[np.int8]:
    indices = _by_value(split, values)
    if isinstance(split.validation, float):
        assert keys is not None
        _check_no_nulls(split.key, keys, option="key")
        indices[(indices == 0) & (_fractions(keys) < split.validation)] = 1
    return indices


def _by_value(split: ColumnSplit, values: pa.Array) -> NDArray[np.int8]:
    """(rows,) indices of SPLITS by the declared values alone, before a share of the training rows is taken."""
    texts = as_strings(values)
    split_of = {text: index for index, name in enumerate(SPLITS) for text in split.parts.get(name, ())}
    positions = pc.index_in(texts, value_set=pa.array(split_of, pa.string()))
    if positions.null_count:
        raise _undeclared_error(split, texts.filter(pc.is_null(positions)))
    indices: NDArray[np.int8] = np.array(list(split_of.values()), dtype=np.int8)[positions.to_numpy()]
    return indices


def _undeclared_error(split: ColumnSplit, undeclared: pa.Array) -> DataError:
    """Undeclared values are an error, since rows that someone held out must not train by accident."""
    common = Counter(undeclared.to_pylist()).most_common(3)
    value = common[0][0]
    found = ", ".join(f"{value!r} in {count:,} rows" for value, count in common)
    declared = ", ".join(f"{name}: {' or '.join(map(repr, values))}" for name, values in split.parts.items())
    nearest = next((name for name, values in split.parts.items() if _folded(value) in map(_folded, values)), "train")
    listed = ", ".join(map(repr, (*split.parts[nearest], value)))
    return DataError(
        f"split.column: every value of {split.column!r} must be declared ({declared}), found {found}; assign "
        f"them, as in `{nearest}: [{listed}]`, or correct the values"
    )


def _folded(text: str) -> str:
    return text.strip().casefold()


def _fractions(keys: pa.Array) -> NDArray[np.float64]:
    """(rows,) keys -> (rows,) fractions in [0, 1); a key has the same fraction on every machine and in every run."""
    from pandas.util import hash_array  # imported here, since it takes a second and not every split needs it

    texts = np.asarray(as_strings(keys).to_pylist(), dtype=object)
    return np.asarray((hash_array(texts) >> np.uint64(11)).astype(np.float64) / 2.0**53)  # its upper 53 bits


def _mask(values: pa.Array) -> NDArray[np.bool_]:
    return np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.bool_)


def _indices(train: NDArray[np.bool_], test: NDArray[np.bool_]) -> NDArray[np.int8]:
    return np.where(test, 2, np.where(train, 0, 1)).astype(np.int8)
