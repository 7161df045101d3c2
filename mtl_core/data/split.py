"""Assignment of rows to the training, validation and test split. Never by row order, never random."""

from collections.abc import Iterator, Mapping
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mtl_core import arrow_compute as pc
from mtl_core.arrow import as_strings
from mtl_core.config import Border, ColumnSplit, HashSplit, Split, TimeSplit
from mtl_core.errors import DataError

__all__ = ["SPLITS", "SplitName", "assign", "by_split", "empty_splits"]

SplitName = Literal["train", "validation", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "validation", "test")


def assign(split: Split, values: pa.Array) -> NDArray[np.int8]:
    """(rows,) values of the split's column -> (rows,) positions in SPLITS."""
    if nulls := pc.sum(pc.is_null(values, nan_is_null=True)).as_py():
        raise DataError(
            f"split.column: {split.column!r} must have a value in every row, found {nulls} nulls; "
            "choose a column without nulls"
        )
    match split:
        case TimeSplit():
            return _by_time(split, values)
        case HashSplit():
            return _by_hash(split, values)
        case ColumnSplit():
            return _by_column(split, values)


def by_split(split: Split, rows: pa.RecordBatch) -> Iterator[tuple[SplitName, pa.RecordBatch]]:
    """The rows of each split that has some."""
    positions = assign(split, rows.column(split.column))
    for position, name in enumerate(SPLITS):
        own = positions == position
        if own.any():
            yield name, rows if own.all() else rows.filter(pa.array(own))


def empty_splits(counts: Mapping[SplitName, int]) -> list[str]:
    """An error for each split without rows."""
    return [
        f"split: every split needs rows, found none for {name}; check split in params.yaml"
        for name, count in counts.items()
        if not count
    ]


def _by_time(split: TimeSplit, values: pa.Array) -> NDArray[np.int8]:
    validation, test = (_border(split.column, border, values.type) for border in (split.validation, split.test))
    if not pc.less(validation, test).as_py():
        raise DataError(f"split: `validation` must begin before `test`, found {split.validation} and {split.test}")
    return _positions(_flags(pc.less(values, validation)), _flags(pc.greater_equal(values, test)))


def _border(column: str, border: Border, arrow_type: pa.DataType) -> pa.Scalar:
    try:
        given = pa.scalar(border)
        found = given.cast(arrow_type)
        if not isinstance(border, str) and found.cast(given.type) != given:
            raise pa.ArrowInvalid("it would lose a part of its value")
    except (pa.ArrowException, OverflowError) as error:
        raise DataError(
            f"split: a border must be a value of column {column!r} ({arrow_type}), found {border!r}: {error}"
        ) from None
    return found


def _by_hash(split: HashSplit, values: pa.Array) -> NDArray[np.int8]:
    from pandas.util import hash_array  # imported here, since it takes a second and no other split needs it

    keys = np.asarray(as_strings(values).to_pylist(), dtype=object)
    # The upper 53 bits as a number in [0, 1): the same key falls into the same split on every machine and run.
    fraction = (hash_array(keys) >> np.uint64(11)).astype(np.float64) / 2.0**53
    return _positions(fraction >= split.test + split.validation, fraction < split.test)


def _by_column(split: ColumnSplit, values: pa.Array) -> NDArray[np.int8]:
    names = as_strings(values)
    validation, test = (_flags(pc.equal(names, str(name))) for name in (split.validation, split.test))
    return _positions(~(validation | test), test)


def _flags(values: pa.Array) -> NDArray[np.bool_]:
    return np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.bool_)


def _positions(train: NDArray[np.bool_], test: NDArray[np.bool_]) -> NDArray[np.int8]:
    return np.where(test, 2, np.where(train, 0, 1)).astype(np.int8)
