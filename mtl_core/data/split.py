"""Assignment of rows to the training, validation and test split. Never by row order, never random."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NoReturn, Self

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
    """The key that is hashed; None where nothing is."""
    row: tuple[str, ...]
    """The columns that the key `row` stands for; none for any other key."""

    @classmethod
    def of(cls, problem: Problem, names: Collection[str]) -> Self:
        """`names`: the columns that every part has; one that only some have would give their rows another key."""
        split, key = problem.split, None
        if isinstance(split, HashSplit):
            key = split.column
        elif isinstance(split, ColumnSplit) and isinstance(split.validation, float):
            key = split.key
        stands = key == ROW and ROW not in names
        return cls(split=split, key=key, row=tuple(sorted({*names} - {*problem.targets})) if stands else ())

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that `assign` reads."""
        own = () if isinstance(self.split, HashSplit) else (self.split.column,)
        keys = self.row if self.row or self.key is None else (self.key,)
        return tuple(dict.fromkeys((*own, *keys)))

    def assign(self, rows: pa.RecordBatch) -> NDArray[np.int8]:
        """(rows,) positions in SPLITS; raises DataError for a row that belongs to none."""
        keys = None
        if self.key is not None:
            keys = pa.array(row_keys(rows, self.row)) if self.row else rows.column(self.key)
        if isinstance(self.split, HashSplit):
            return assign(self.split, keys)
        return assign(self.split, rows.column(self.split.column), keys)

    def split_rows(self, rows: pa.RecordBatch) -> Iterator[SplitRows]:
        """The rows of each split that has some."""
        positions = self.assign(rows)
        for position, name in enumerate(SPLITS):
            own = positions == position
            if own.any():
                yield name, rows if own.all() else rows.filter(pa.array(own))


def assign(split: Split, values: pa.Array, keys: pa.Array | None = None) -> NDArray[np.int8]:
    """(rows,) values of the split's column -> (rows,) positions in SPLITS.

    Args:
        keys: (rows,) keys of the hash, where a split by column takes a share of the rows that train.
    """
    _check_known(split.column, values)
    match split:
        case TimeSplit():
            return _by_time(split, values)
        case HashSplit():
            return _by_hash(split, values)
        case ColumnSplit():
            return _by_column(split, values, keys)


def check_split(split: Split, column: str, values: pa.Array) -> None:
    """DataError where (rows,) values of a column that the split reads, its key or its own, cannot be split."""
    _check_known(column, values, "column" if column == split.column else "key")
    if column == split.column and isinstance(split, TimeSplit):
        _by_time(split, values)
    elif column == split.column and isinstance(split, ColumnSplit):
        _parts(split, values)


def _check_known(column: str, values: pa.Array, option: str = "column") -> None:
    if nulls := pc.sum(pc.is_null(values, nan_is_null=True)).as_py():
        raise DataError(
            f"split.{option}: {column!r} must have a value in every row, found {nulls} nulls; "
            "choose a column without nulls"
        )


def empty_splits(counts: Mapping[SplitName, int]) -> list[str]:
    """An error for each split without rows."""
    return [
        f"split: every split needs rows, found none for {name}; check split in params.yaml"
        for name, count in counts.items()
        if not count
    ]


def _by_time(split: TimeSplit, values: pa.Array) -> NDArray[np.int8]:
    values = decoded(values)
    validation, test = (boundary_scalar(values, split.column, boundary) for boundary in (split.validation, split.test))
    if not pc.less(validation, test).as_py():
        raise DataError(f"split: `validation` must begin before `test`, found {split.validation} and {split.test}")
    return _positions(_flags(pc.less(values, validation)), _flags(pc.greater_equal(values, test)))


def _by_hash(split: HashSplit, keys: pa.Array) -> NDArray[np.int8]:
    fraction = _fractions(keys)
    return _positions(fraction >= split.test + split.validation, fraction < split.test)


def _by_column(split: ColumnSplit, values: pa.Array, keys: pa.Array | None) -> NDArray[np.int8]:
    found = _parts(split, values)
    if isinstance(split.validation, float):
        assert keys is not None
        _check_known(split.key, keys, option="key")
        found[(found == 0) & (_fractions(keys) < split.validation)] = 1
    return found


def _parts(split: ColumnSplit, values: pa.Array) -> NDArray[np.int8]:
    """(rows,) positions in SPLITS by value alone, where a share is still to be taken from those that train."""
    names = as_strings(values)
    part_of = {name: index for index, part in enumerate(SPLITS) for name in split.parts.get(part, ())}
    indices = pc.index_in(names, value_set=pa.array(part_of, pa.string()))
    if indices.null_count:
        _refuse(split, names.filter(pc.is_null(indices)))
    found: NDArray[np.int8] = np.array(list(part_of.values()), dtype=np.int8)[indices.to_numpy()]
    return found


def _refuse(split: ColumnSplit, strange: pa.Array) -> NoReturn:
    """DataError for values that are not declared: rows that someone held out must not train unseen."""
    common = Counter(strange.to_pylist()).most_common(3)
    value = common[0][0]
    found = ", ".join(f"{value!r} in {count:,} rows" for value, count in common)
    declared = ", ".join(f"{part}: {' or '.join(map(repr, values))}" for part, values in split.parts.items())
    near = next((part for part, values in split.parts.items() if _plain(value) in map(_plain, values)), "train")
    names = ", ".join(map(repr, (*split.parts[near], value)))
    raise DataError(
        f"split.column: every value of {split.column!r} must be declared ({declared}), found {found}; say what such "
        f"rows do, as in `{near}: [{names}]`, or correct the values"
    )


def _plain(text: str) -> str:
    return text.strip().casefold()


def _fractions(keys: pa.Array) -> NDArray[np.float64]:
    """(rows,) keys -> (rows,) in [0, 1): the same key gives the same number on every machine and in every run."""
    from pandas.util import hash_array  # imported here, since it takes a second and not every split needs it

    texts = np.asarray(as_strings(keys).to_pylist(), dtype=object)
    return np.asarray((hash_array(texts) >> np.uint64(11)).astype(np.float64) / 2.0**53)  # its upper 53 bits


def _flags(values: pa.Array) -> NDArray[np.bool_]:
    return np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.bool_)


def _positions(train: NDArray[np.bool_], test: NDArray[np.bool_]) -> NDArray[np.int8]:
    return np.where(test, 2, np.where(train, 0, 1)).astype(np.int8)
