"""Arrow columns as NumPy arrays, and the column types that features and tasks tell apart."""

from collections.abc import Collection
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mtl_core.errors import DataError

__all__ = [
    "SCALAR_TYPES",
    "ColumnType",
    "as_dictionary",
    "as_numbers",
    "as_strings",
    "column_type",
    "is_exact",
    "is_number",
    "is_text",
    "item_type",
    "scalar_type",
    "value_type",
]

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
    return any(fits(value_type(arrow_type)) for fits in _TEXT)


def is_number(arrow_type: pa.DataType) -> bool:
    """True for a column of integers, floats or decimals, plain or as a dictionary."""
    return any(fits(value_type(arrow_type)) for fits in _NUMBERS)


def item_type(arrow_type: pa.DataType) -> pa.DataType | None:
    """The type of the items of a column of lists, of any or of fixed size; None for any other type."""
    return arrow_type.value_type if any(fits(arrow_type) for fits in _LISTS) else None


def scalar_type(arrow_type: pa.DataType) -> ColumnType | None:
    """`string`, `number` or `boolean`; None for any other type. A column of nulls is text."""
    if is_text(arrow_type) or pa.types.is_null(value_type(arrow_type)):
        return "string"
    if pa.types.is_boolean(value_type(arrow_type)):
        return "boolean"
    return "number" if is_number(arrow_type) else None


def column_type(name: str, arrow_type: pa.DataType, reads: Collection[ColumnType] = SCALAR_TYPES) -> ColumnType:
    """The type of a target column; raises DataError for one that is not among those that its task reads."""
    found: ColumnType | None = "list" if item_type(arrow_type) else scalar_type(arrow_type)
    if found and found in reads:
        return found
    wanted = "a list" if "list" in reads else "text, a number or a boolean"
    raise DataError(
        f"column {name!r}: a target must be {wanted}, found {arrow_type}; "
        "write what matters of it (hour, weekday, length ...) into columns of its own"
    )


def as_numbers(values: pa.Array) -> NDArray[np.float64]:
    """(rows,) float64; a null is NaN, true is 1."""
    numbers = pc.fill_null(pc.cast(values, pa.float64(), safe=False), np.nan)
    return np.asarray(numbers.to_numpy(zero_copy_only=False), dtype=np.float64)


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
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_floating(values.type) or pa.types.is_decimal(values.type):
        values = _number_names(as_numbers(values))
    return pc.fill_null(pc.cast(values, pa.string()), "")


def is_exact(numbers: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(rows,) mask of the whole numbers that float64 represents exactly."""
    with np.errstate(invalid="ignore"):
        return np.asarray((np.abs(numbers) < EXACT) & (np.floor(numbers) == numbers))


def _number_names(numbers: NDArray[np.float64]) -> pa.Array:
    whole = is_exact(numbers)
    integers = pc.cast(pa.array(np.where(whole, numbers, 0.0).astype(np.int64)), pa.string())
    others = pc.cast(pa.array(numbers, mask=~np.isfinite(numbers)), pa.string())
    return pc.if_else(pa.array(whole), integers, others)
