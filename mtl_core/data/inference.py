"""Inference of the types of text cells, and the type that holds the values of several types.

The type of all cells is the widest of the types of their blocks, whatever the order and the cuts of the blocks.
"""

import pyarrow as pa

from mtl_core import arrow_compute as pc
from mtl_core.arrow import is_number, is_temporal, is_text, item_type, value_type
from mtl_core.config.data import Csv
from mtl_core.data.cells import KINDS, parse, plain_numbers

_INFERRED = (
    pa.int64(),
    pa.float64(),
    pa.bool_(),
    pa.date32(),
    pa.timestamp("s"),
    pa.timestamp("us"),
    pa.timestamp("s", "UTC"),
    pa.timestamp("us", "UTC"),
)
"""Types of cells, from narrow to wide. Digits beyond microseconds are cut off."""

_CODE = r"^[+-]?(?:0[0-9]+(?:[.eE]|$)|0[xX]|[0-9]{19,}$)"
"""Digits that a number may lose: leading zeros, hexadecimals, and more digits than always fit in 64 bits."""
_UNITS = ("s", "ms", "us", "ns")


def infer_type(cells: pa.Array, csv: Csv) -> pa.DataType:
    """The narrowest type of (rows,) strings: null, int64, float64, bool, date32, a timestamp, else string.

    Digits with leading zeros, and whole numbers of more than 18 digits, are text: a number loses digits.
    """
    valid = cells.drop_null()
    if not len(valid):
        return pa.null()
    for candidate in _INFERRED:
        # Most types are ruled out by the first cell alone.
        if _all_are(candidate, valid.slice(0, 1), csv) and _all_are(candidate, valid, csv):
            return pa.string() if is_number(candidate) and _has_codes(valid, csv) else candidate
    return pa.string()


def widen(first: pa.DataType, second: pa.DataType) -> pa.DataType:
    """The narrowest type that holds the values of both.

    Any type holds nulls, floats hold integers, timestamps hold dates, text holds all scalars, and structs hold those
    with fewer fields. The first type where none holds both, such as text and lists.
    """
    first, second = value_type(first), value_type(second)
    if first == second or pa.types.is_null(second):
        return first
    if pa.types.is_null(first):
        return second
    if is_text(first) and is_text(second):
        return pa.string()
    if is_number(first) and is_number(second):
        fit_int64 = all(pa.types.is_integer(kind) and kind != pa.uint64() for kind in (first, second))
        return pa.int64() if fit_int64 else pa.float64()
    if (wider := _widen_temporal(first, second)) is not None:
        return wider
    items = item_type(first), item_type(second)
    if items[0] is not None and items[1] is not None:
        return pa.list_(widen(items[0], items[1]))
    if pa.types.is_struct(first) and pa.types.is_struct(second):
        return _widen_structs(first, second)
    scalar = all(any(is_kind(arrow_type) for is_kind in KINDS.values()) for arrow_type in (first, second))
    return pa.string() if scalar else first


def _all_are(arrow_type: pa.DataType, cells: pa.Array, csv: Csv) -> bool:
    if pa.types.is_boolean(arrow_type):
        return bool(pc.all(pc.is_in(pc.utf8_lower(cells), pa.array(["true", "false"])), min_count=0).as_py())
    try:
        parse(cells, arrow_type, csv)
    except pa.ArrowInvalid:
        return False
    return True


def _has_codes(cells: pa.Array, csv: Csv) -> bool:
    plain = plain_numbers(cells, csv)
    # Few numbers begin with a zero, and a pattern costs ten times as much as a test of the first character.
    zero = pc.and_not(pc.starts_with(plain, "0"), pc.starts_with(plain, "0."))
    signed = pc.or_(pc.starts_with(plain, "-0"), pc.starts_with(plain, "+0"))
    possible = plain.filter(pc.or_(pc.or_(zero, signed), pc.greater(pc.binary_length(plain), 18)))
    return bool(len(possible) and pc.any(pc.match_substring_regex(possible, _CODE)).as_py())


def _widen_structs(first: pa.StructType, second: pa.StructType) -> pa.DataType:
    """The fields of both."""
    types = {field.name: field.type for field in first}
    for field in second:
        types[field.name] = widen(types.get(field.name, pa.null()), field.type)
    return pa.struct(types.items())


def _widen_temporal(first: pa.DataType, second: pa.DataType) -> pa.DataType | None:
    """The finer of two dates or timestamps; None for other types, or if only one of them has a zone."""
    if not (is_temporal(first) and is_temporal(second)):
        return None
    dates = [pa.types.is_date(arrow_type) for arrow_type in (first, second)]
    if all(dates):
        return pa.date64()
    if any(dates):
        timestamp = second if dates[0] else first
        return timestamp if timestamp.tz is None else None
    if (first.tz is None) != (second.tz is None):
        return None
    unit = max(first.unit, second.unit, key=_UNITS.index)
    return pa.timestamp(unit, first.tz if first.tz == second.tz else "UTC")
