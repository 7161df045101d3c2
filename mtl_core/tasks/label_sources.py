"""Multilabel targets: names in one text, or columns of 0 and 1."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mtl_core import arrow_compute as pc
from mtl_core.arrow import as_numbers, as_strings
from mtl_core.errors import DataError
from mtl_core.tasks.base import UNLABELLED


def split_names(values: pa.Array, separator: str) -> tuple[NDArray[np.int64], pa.Array]:
    """(rows,) text -> (n,) ascending rows and (n,) names: all names in the text, stripped, without empty ones."""
    parts = pc.split_pattern(as_strings(values), pattern=separator)
    names = pc.utf8_trim_whitespace(parts.flatten())
    is_name = pc.not_equal(names, "")
    rows = pc.list_parent_indices(parts).filter(is_name)
    return rows.to_numpy(zero_copy_only=False).astype(np.int64), names.filter(is_name)


def rows_per_name(rows: NDArray[np.int64], names: pa.Array) -> dict[str, int]:
    """Name -> number of rows that hold it; twice in one row counts once."""
    codes = names.dictionary_encode()
    indices, distinct = codes.indices.to_numpy(zero_copy_only=False), codes.dictionary.to_pylist()
    pairs = np.unique(rows * len(distinct) + indices)
    return dict(
        zip(distinct, np.bincount(pairs % max(len(distinct), 1), minlength=len(distinct)).tolist(), strict=True)
    )


def encode_names(values: pa.Array, separator: str, labels: Sequence[str]) -> tuple[NDArray[np.int8], pa.Array]:
    """(rows,) text -> (rows, labels) of 1 and 0, UNLABELLED in a row without names; and the names that are no label."""
    rows, names = split_names(values, separator)
    matches = pc.fill_null(pc.index_in(names, value_set=pa.array(labels, pa.string())), -1)
    indices = matches.to_numpy(zero_copy_only=False)
    encoded = np.full((len(values), len(labels)), UNLABELLED, dtype=np.int8)
    encoded[rows] = 0
    encoded[rows[indices >= 0], indices[indices >= 0]] = 1
    return encoded, names.filter(pc.less(matches, 0))


def encode_column(task: str, column: str, values: pa.Array) -> NDArray[np.int8]:
    """(rows,) of 0, 1 and null -> (rows,) of 0, 1 and UNLABELLED; DataError for any other value."""
    numbers = as_numbers(values)
    invalid = ~np.isnan(numbers) & (numbers != 0) & (numbers != 1)
    if invalid.any():
        raise DataError(
            f"task {task!r}: a label's column holds 0, 1 or nothing, found {numbers[invalid][0]:g} in {column!r}; "
            "repair it, or quarantine the row"
        )
    return np.where(np.isnan(numbers), UNLABELLED, numbers == 1).astype(np.int8)
