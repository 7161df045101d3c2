"""Arrow columns as NumPy arrays, and the column types that features and tasks tell apart."""

from collections.abc import Collection
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mtl_core import arrow_compute as pc
from mtl_core.errors import DataError

ColumnType = Literal["string", "number", "boolean", "list"]

SCALAR_TYPES: frozenset[ColumnType] = frozenset({"string", "number", "boolean"})

EXACT = 2.0**53
"""Limit of exact whole numbers in float64: 2^53 + 1 is rounded to 2^53."""

_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896
"""0001-01-01 and 9999-12-31, in days since 1970."""
_TICKS = {"s": 1, "ms": 10**3, "us": 10**6}
"""Ticks per second of a timestamp's unit; nanoseconds cannot leave the years 1677 to 2262."""

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


def is_temporal(arrow_type: pa.DataType) -> bool:
    """True for a column of dates or timestamps, plain or as a dictionary."""
    own = value_type(arrow_type)
    return bool(pa.types.is_date(own) or pa.types.is_timestamp(own))


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
    """(rows,) float64; a null is NaN, true is 1.

    Whole numbers beyond EXACT and long decimals are rounded, as a graph of float64 does too.
    """
    numbers = pc.fill_null(pc.cast(values, pa.float64(), safe=False), np.nan)
    return np.asarray(numbers.to_numpy(zero_copy_only=False), dtype=np.float64)


def as_plain(values: pa.Array) -> pa.Array:
    """(rows,) views and run-end encoded values as plain arrays, which all of Arrow takes; others as they are."""
    if pa.types.is_run_end_encoded(values.type):
        return pc.run_end_decode(values)
    if pa.types.is_string_view(values.type):
        return pc.cast(values, pa.string())
    return pc.cast(values, pa.binary()) if pa.types.is_binary_view(values.type) else values


def decoded(values: pa.Array) -> pa.Array:
    """(rows,) values of a dictionary array as a plain one; others as they are."""
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
        values = _number_names(as_numbers(values))
    return pc.fill_null(pc.cast(values, pa.string()), "")


def null_if_empty(texts: pa.Array) -> pa.Array:
    """(rows,) strings, with a null for the empty one."""
    return pc.if_else(pc.equal(texts, ""), pa.scalar(None, texts.type), texts)


def bounded_timestamps(values: pa.Array) -> pa.Array:
    """(rows,) dates or timestamps of the years 1 to 9999, in UTC where they have a zone.

    What lies beyond becomes the nearest moment within: finer units overflow there, and Python has no such dates.
    """
    values = decoded(values)
    if pa.types.is_date(values.type):
        if pa.types.is_date64(values.type):
            millis = _clipped(pc.cast(values, pa.int64()), _FIRST_DAY * 86_400_000, _LAST_DAY * 86_400_000)
            days = pc.floor_temporal(pc.cast(millis, pa.timestamp("ms")), unit="day")
            values = pc.cast(days, pa.date32())
        days = _clipped(pc.cast(values, pa.int32()), _FIRST_DAY, _LAST_DAY)
        return pc.cast(days, pa.date32())
    unit = values.type.unit
    bounded = pc.cast(values, pa.int64())
    if ticks := _TICKS.get(unit):
        bounded = _clipped(bounded, _FIRST_DAY * 86_400 * ticks, (_LAST_DAY + 1) * 86_400 * ticks - 1)
    return pc.cast(bounded, pa.timestamp(unit, tz=None if values.type.tz is None else "UTC"))


def as_microseconds(values: pa.Array) -> pa.Array:
    """(rows,) dates or timestamps, bounded as above, as timestamps in microseconds.

    The years 1 to 9999 fit into these, so that this drops nanoseconds and nothing else.
    """
    moments = bounded_timestamps(values)
    return pc.cast(moments, pa.timestamp("us", getattr(moments.type, "tz", None)), safe=False)


def is_exact(numbers: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(rows,) mask of the whole numbers that float64 represents exactly."""
    with np.errstate(invalid="ignore"):
        return np.asarray((np.abs(numbers) < EXACT) & (np.floor(numbers) == numbers))


def _clipped(values: pa.Array, low: int, high: int) -> pa.Array:
    limits = pa.array([low, high], values.type)
    return pc.min_element_wise(pc.max_element_wise(values, limits[0], skip_nulls=False), limits[1], skip_nulls=False)


def _number_names(numbers: NDArray[np.float64]) -> pa.Array:
    whole = is_exact(numbers)
    integers = pc.cast(pa.array(np.where(whole, numbers, 0.0).astype(np.int64)), pa.string())
    others = pc.cast(pa.array(numbers, mask=~np.isfinite(numbers)), pa.string())
    return pc.if_else(pa.array(whole), integers, others)
