"""Arrow columns as NumPy arrays, and the types that columns enter a model by. The one place where both are decided."""

from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mtl_core.errors import DataError

__all__ = ["EXACT", "ColumnType", "as_codes", "as_numbers", "as_strings", "column_type", "is_exact"]

ColumnType = Literal["string", "number", "boolean"]

EXACT = 2.0**53
"""Below it every whole number has a float64 of its own; 2^53 + 1 already reads as 2^53."""


def column_type(name: str, arrow_type: pa.DataType) -> ColumnType:
    """How a column of that Arrow type enters the exported graph; raises DataError for a type that cannot."""
    if pa.types.is_dictionary(arrow_type):
        arrow_type = arrow_type.value_type
    is_text = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_null)
    if any(fits(arrow_type) for fits in is_text):
        return "string"
    if pa.types.is_boolean(arrow_type):
        return "boolean"
    if pa.types.is_integer(arrow_type) or pa.types.is_floating(arrow_type) or pa.types.is_decimal(arrow_type):
        return "number"
    raise DataError(
        f"column {name!r}: a feature or target must be text, a number or a boolean, found {arrow_type}; "
        "write what matters of it (hour, weekday, length ...) into columns of its own"
    )


def as_numbers(values: pa.Array) -> NDArray[np.float64]:
    """(rows,) float64; a null is NaN, true is 1."""
    numbers = pc.fill_null(pc.cast(values, pa.float64(), safe=False), np.nan)
    return np.asarray(numbers.to_numpy(zero_copy_only=False), dtype=np.float64)


def as_codes(values: pa.Array) -> pa.DictionaryArray:
    """(rows,) the same values as a dictionary and positions in it, so that what is done per value is not done per row.

    A value may stand in the dictionary without a row, and a null in either.
    """
    if pa.types.is_dictionary(values.type):
        return values
    if pa.types.is_decimal(values.type):  # some widths of which have no dictionary
        values = pa.array(as_numbers(values), from_pandas=True)
    return values.dictionary_encode()


def as_strings(values: pa.Array) -> pa.Array:
    """(rows,) of Arrow strings; a null is the empty string, since a graph's string tensor knows no null.

    A whole number reads the same whatever its type, since a hole or a CSV file turns integers into floats; a number
    that is not finite is a null.
    """
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_floating(values.type) or pa.types.is_decimal(values.type):
        values = _number_names(as_numbers(values))
    return pc.fill_null(pc.cast(values, pa.string()), "")


def is_exact(numbers: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(rows,) whether each is a whole number that float64 cannot confuse with its neighbour."""
    with np.errstate(invalid="ignore"):
        return np.asarray((np.abs(numbers) < EXACT) & (np.floor(numbers) == numbers))


def _number_names(numbers: NDArray[np.float64]) -> pa.Array:
    whole = is_exact(numbers)
    integers = pc.cast(pa.array(np.where(whole, numbers, 0.0).astype(np.int64)), pa.string())
    others = pc.cast(pa.array(numbers, mask=~np.isfinite(numbers)), pa.string())
    return pc.if_else(pa.array(whole), integers, others)
