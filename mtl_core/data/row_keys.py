"""64-bit keys of whole rows, which depend only on the values.

They do not depend on the file format, the part, the batch, the order of the columns, or the layout of an array.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mtl_core import arrow_compute as pc
from mtl_core.arrow import as_dictionary, as_numbers, as_plain, is_exact, is_number, is_temporal
from mtl_core.timestamps import as_microseconds

Keys = NDArray[np.uint64]

_WHOLE = re.compile("0|-?[1-9][0-9]{0,14}")
_STEP = np.uint64(0x9E3779B97F4A7C15)


def row_keys(rows: pa.RecordBatch, columns: Iterable[str]) -> Keys:
    """(rows,) uint64. Rows with equal values in these columns have the same key.

    Whole numbers are equal whatever their types. Fractions are compared as float32, since files store them in several
    widths, and timestamps as instants in microseconds. A missing value (null, NaN, infinity, "" or an empty list) adds
    nothing, so that a column without values changes no key.
    """
    keys = np.zeros(rows.num_rows, dtype=np.uint64)
    for name in columns:
        hashes = _hash_values(rows.column(name))
        keys += np.where(hashes == 0, np.uint64(0), _mix(hashes ^ _name_key(name)))
    return keys


@lru_cache(maxsize=100_000)
def _name_key(name: str) -> np.uint64:
    return np.uint64(_hash_texts([name])[0])


def _hash_values(values: pa.Array) -> Keys:
    """(rows,) values of any type -> (rows,) hashes; 0 for a missing value."""
    values = as_plain(values.storage if isinstance(values, pa.ExtensionArray) else values)
    if pa.types.is_null(values.type):
        return np.zeros(len(values), dtype=np.uint64)
    if pa.types.is_struct(values.type):
        return row_keys(pa.RecordBatch.from_struct_array(values), [field.name for field in values.type])
    if pa.types.is_map(values.type):
        return _hash_texts([repr(value) if value else None for value in values.to_pylist()])
    if pa.types.is_nested(values.type):
        return _hash_lists(values)
    return _hash_numbers(as_numbers(values)) if is_number(values.type) else _hash_entries(values)


def _hash_entries(values: pa.Array) -> Keys:
    entries = as_dictionary(values)
    hashes = _hash_texts(_to_texts(entries.dictionary))
    hashes = np.append(hashes, np.uint64(0))  # at -1, for missing rows
    return np.asarray(hashes[pc.fill_null(entries.indices, -1).to_numpy(zero_copy_only=False)])


def _hash_numbers(numbers: NDArray[np.float64]) -> Keys:
    """Hashes of the float64 bits of whole numbers and of numbers beyond float32, and of the float32 bits of others."""
    numbers = numbers + 0.0  # -0.0 is 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        single = numbers.astype(np.float32)
    as_double = is_exact(numbers) | np.isinf(single)
    bits = np.where(as_double, numbers.view(np.uint64), single.view(np.uint32))
    return np.where(np.isfinite(numbers), _mix(bits), np.uint64(0))


def _hash_lists(values: pa.Array) -> Keys:
    lengths = pc.fill_null(pc.list_value_length(values), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    ends = np.cumsum(lengths)
    indices = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - lengths, lengths)
    items = _mix(_hash_values(pc.list_flatten(values)) + _STEP * (indices + 1).astype(np.uint64))
    sums = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(items, dtype=np.uint64)])
    return np.where(lengths > 0, _mix(sums[ends] - sums[ends - lengths]), np.uint64(0))


def _to_texts(values: pa.Array) -> list[Any]:
    """Values -> texts that are equal if the values are; None or "" for a missing value."""
    if is_temporal(values.type):
        texts = pc.cast(as_microseconds(values), pa.string())  # CSV files have no nanoseconds
        return list(pc.replace_substring_regex(texts, pattern=r"( 00:00:00)?\.0{6}$", replacement="").to_pylist())
    try:
        return list(pc.cast(values, pa.string()).to_pylist())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):  # binary values, durations
        return [None if value is None else repr(value) for value in values.to_pylist()]


def _hash_texts(texts: list[Any]) -> Keys:
    """(n,) texts -> (n,) hashes, 0 for None and ""; the text of a whole number has the hash of the number."""
    from pandas.util import hash_array  # imported here, since it takes a second

    present = np.array([bool(text) for text in texts], dtype=np.bool_)
    # The texts are distinct, so categories would only cost time.
    hashes = hash_array(np.array([text or "" for text in texts], dtype=object), categorize=False).astype(np.uint64)
    hashes = np.where(present, np.maximum(hashes, np.uint64(1)), np.uint64(0))
    whole = [index for index, text in enumerate(texts) if text and _WHOLE.fullmatch(text)]
    hashes[whole] = _hash_numbers(np.array([float(texts[index]) for index in whole]))
    return hashes


def _mix(keys: Keys) -> Keys:
    """The finaliser of SplitMix64 (Steele, Lea and Flood 2014): every bit depends on all bits."""
    keys = keys + _STEP
    keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return keys ^ (keys >> np.uint64(31))
