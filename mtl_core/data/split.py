"""Assignment of values to the training, validation and test split. Never by row order, never random."""

from collections import Counter
from collections.abc import Mapping
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mtl_core import arrow_compute as pc
from mtl_core.arrow import as_strings, decoded
from mtl_core.config import ColumnSplit, HashSplit, Split, TimeSplit
from mtl_core.data.boundaries import boundary_scalar
from mtl_core.data.rolling import check_durations
from mtl_core.data.windows import ResolvedSplit, TimeWindows, declared_windows, windows_of
from mtl_core.errors import DataError

SplitName = Literal["train", "validation", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "validation", "test")


def assign(split: ResolvedSplit, values: pa.Array, keys: pa.Array | None = None) -> NDArray[np.int8]:
    """(rows,) values of the split's column -> (rows,) indices of SPLITS, and `len(SPLITS)` for a row that is left out.

    Args:
        keys: (rows,) keys of the hash, where a split by column takes a share of the training rows for validation.
    """
    _check_no_nulls(split.column, values)
    match split:
        case TimeWindows():
            return _by_time(split, values)
        case HashSplit():
            return _by_hash(split, values)
        case ColumnSplit():
            return _by_column(split, values, keys)


def check_split(split: Split, column: str, values: pa.Array) -> None:
    """DataError if (rows,) values of a column that the split reads cannot be split."""
    _check_no_nulls(column, values, "column" if column == split.column else "key")
    if column == split.column and isinstance(split, TimeSplit):
        if split.durations:
            check_durations(split, values.type)
        else:
            _by_time(declared_windows(split), values)
    elif column == split.column and isinstance(split, ColumnSplit):
        _by_value(split, values)


def _check_no_nulls(column: str, values: pa.Array, option: str = "column") -> None:
    if nulls := pc.sum(pc.is_null(values, nan_is_null=True)).as_py():
        raise DataError(
            f"split.{option}: {column!r} must have a value in every row, found {nulls} nulls; "
            "choose a column without nulls"
        )


def check_not_empty(counts: Mapping[SplitName, int], split: ResolvedSplit) -> None:
    """DataError for a split without rows."""
    windows = windows_of(split)
    for name, count in counts.items():
        if not count:
            window, fix = f", {windows[name]}" if name in windows else "", ""
            if isinstance(split, TimeWindows) and split.end:
                fix = (
                    f"; the windows are counted back from {split.end}, the end of the newest row: declare longer ones, "
                    "or let validation quarantine rows of the future"
                )
            raise DataError(
                f"split: every split needs rows, found none for {name}{window}; check split in params.yaml{fix}"
            )


def _by_time(split: TimeWindows, values: pa.Array) -> NDArray[np.int8]:
    values = decoded(values)
    validation, test = (boundary_scalar(values, split.column, boundary) for boundary in (split.validation, split.test))
    if not pc.less(validation, test).as_py():
        raise DataError(f"split: `validation` must begin before `test`, found {split.validation} and {split.test}")
    indices = _indices(_mask(pc.less(values, validation)), _mask(pc.greater_equal(values, test)))
    if split.train is not None:
        train = boundary_scalar(values, split.column, split.train)
        if not pc.less(train, validation).as_py():
            raise DataError(
                f"split: `train` must begin before `validation`, found {split.train} and {split.validation}"
            )
        indices[_mask(pc.less(values, train))] = len(SPLITS)
    return indices


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
