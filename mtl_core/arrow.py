"""Arrow columns as NumPy arrays, and the column types that features and tasks distinguish."""

from collections.abc import Collection
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mtl_core import arrow_compute as pc
from mtl_core.errors import DataError
from mtl_core.ragged import Ragged

ColumnType = Literal["string", "number", "boolean", "list"]

SCALAR_TYPES: frozenset[ColumnType] = frozenset({"string", "number", "boolean"})

EXACT = 2.0**53
"""Limit of exact whole numbers in float64: 2^53 + 1 is rounded to 2^53."""

_TEXT = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
_LISTS = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
_NUMBERS = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)


def value_type(arrow_type: pa.DataType) -> pa.DataType:
    """The type of a column's values; for a dictionary array the type of its entries."""
    return arrow_type.value_type if pa.types.is_dictionary(arrow_type) else arrow_type


def is_text(arrow_type: pa.DataType) -> bool:
    """True for a column of text, plain or as a dictionary."""
    return any(matches(value_type(arrow_type)) for matches in _TEXT)


def is_number(arrow_type: pa.DataType) -> bool:
    """True for a column of integers, floats or decimals, plain or as a dictionary."""
    return any(matches(value_type(arrow_type)) for matches in _NUMBERS)


def is_temporal(arrow_type: pa.DataType) -> bool:
    """True for a column of dates or timestamps, plain or as a dictionary."""
    values = value_type(arrow_type)
    return bool(pa.types.is_date(values) or pa.types.is_timestamp(values))


def item_type(arrow_type: pa.DataType) -> pa.DataType | None:
    """The type of the items of a column of lists, of any or of fixed size; None for any other type."""
    return arrow_type.value_type if any(matches(arrow_type) for matches in _LISTS) else None


def scalar_type(arrow_type: pa.DataType) -> ColumnType | None:
    """`string`, `number` or `boolean`; None for any other type. A column of nulls is text."""
    if is_text(arrow_type) or pa.types.is_null(value_type(arrow_type)):
        return "string"
    if pa.types.is_boolean(value_type(arrow_type)):
        return "boolean"
    return "number" if is_number(arrow_type) else None


def column_type(name: str, arrow_type: pa.DataType, reads: Collection[ColumnType] = SCALAR_TYPES) -> ColumnType:
    """The type of a target column; DataError if its task does not read that type."""
    target_type: ColumnType | None = "list" if item_type(arrow_type) else scalar_type(arrow_type)
    if target_type and target_type in reads:
        return target_type
    if "list" in reads:
        allowed, fix = "a list", "convert the column, or declare a task of another kind"
    else:
        allowed, fix = "text, a number or a boolean", "derive columns of these from it (hour, weekday, length ...)"
    raise DataError(f"column {name!r}: a target must be {allowed}, found {arrow_type}; {fix}")


def as_numbers(values: pa.Array) -> NDArray[np.float64]:
    """(rows,) float64; a null is NaN, true is 1.

    Whole numbers beyond EXACT and long decimals are rounded, as a graph of float64 does too.
    """
    numbers = pc.fill_null(pc.cast(values, pa.float64(), safe=False), np.nan)
    return np.asarray(numbers.to_numpy(zero_copy_only=False), dtype=np.float64)


def as_plain(values: pa.Array) -> pa.Array:
    """(rows,) views and run-end encoded values as plain arrays, which all Arrow functions accept; others unchanged."""
    if pa.types.is_run_end_encoded(values.type):
        return pc.run_end_decode(values)
    if pa.types.is_string_view(values.type):
        return pc.cast(values, pa.string())
    return pc.cast(values, pa.binary()) if pa.types.is_binary_view(values.type) else values


def decoded(values: pa.Array) -> pa.Array:
    """(rows,) values of a dictionary array as a plain one; others unchanged."""
    return values.dictionary_decode() if pa.types.is_dictionary(values.type) else values


def as_dictionary(values: pa.Array) -> pa.DictionaryArray:
    """(rows,) values -> the same as a dictionary array, so that work per value is not repeated per row.

    The dictionary may hold values that no row has, and nulls; rows may be null too.
    """
    if pa.types.is_dictionary(values.type):
        return values
    if pa.types.is_decimal(values.type):  # Arrow cannot encode some widths as a dictionary
        values = pa.array(as_numbers(values), from_pandas=True)
    return values.dictionary_encode()


def as_strings(values: pa.Array) -> pa.Array:
    """(rows,) Arrow strings; a null is the empty string, since string tensors of ONNX have no null.

    A whole number gives the same text whatever its type, since a null or a CSV file turns integers into floats; a
    number that is not finite is a null.
    """
    values = decoded(values)
    if pa.types.is_floating(values.type) or pa.types.is_decimal(values.type):
        values = _number_texts(as_numbers(values))
    return pc.fill_null(pc.cast(values, pa.string()), "")


def null_if_empty(texts: pa.Array) -> pa.Array:
    """(rows,) strings, with a null for the empty one."""
    return pc.if_else(pc.equal(texts, ""), pa.scalar(None, texts.type), texts)


def as_string_lists(values: pa.Array, separator: str | None) -> Ragged:
    """(rows,) lists, or text with a separator -> ragged str objects; a null has no item, a null item is "".

    Blanks around a separated item do not count.
    """
    items, lengths = list_items(values, separator)
    return Ragged.from_lengths(np.asarray(as_strings(items).to_numpy(zero_copy_only=False), dtype=object), lengths)


def list_items(values: pa.Array, separator: str | None) -> tuple[pa.Array, NDArray[np.int64]]:
    """(rows,) lists as in `as_string_lists` -> (items,) of all rows in order, of their own type; (rows,) lengths."""
    if scalar_type(values.type) != "string":
        return pc.list_flatten(values), _lengths(values)
    texts = as_strings(values)
    lists = pc.split_pattern(texts, pattern=separator or "|")
    lengths = np.where(pc.equal(texts, "").to_numpy(zero_copy_only=False), 0, _lengths(lists))
    return pc.utf8_trim_whitespace(pc.list_flatten(lists.filter(pa.array(lengths > 0)))), lengths


def is_exact(numbers: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(rows,) mask of the whole numbers that float64 represents exactly."""
    with np.errstate(invalid="ignore"):
        return np.asarray((np.abs(numbers) < EXACT) & (np.floor(numbers) == numbers))


def _lengths(lists: pa.Array) -> NDArray[np.int64]:
    return np.asarray(pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False), dtype=np.int64)


def _number_texts(numbers: NDArray[np.float64]) -> pa.Array:
    whole = is_exact(numbers)
    integers = pc.cast(pa.array(np.where(whole, numbers, 0.0).astype(np.int64)), pa.string())
    others = pc.cast(pa.array(numbers, mask=~np.isfinite(numbers)), pa.string())
    return pc.if_else(pa.array(whole), integers, others)
