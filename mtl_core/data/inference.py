"""Types of cells of text, and the types that hold the values of several others.

Both work over many blocks of cells, in any order and cut anywhere: the type of all cells is the widest of the blocks'
types.
"""

import pyarrow as pa

from mtl_core import arrow_compute as pc
from mtl_core.arrow import is_number, is_temporal, is_text, item_type, value_type
from mtl_core.config.data import Csv
from mtl_core.data.cells import parse, plain_numbers

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
"""Types of cells, from narrow to wide. Finer than microseconds is cut off."""

_CODE = r"^[+-]?(?:0[0-9]+(?:[.eE]|$)|0[xX]|[0-9]{19,}$)"
"""Digits that a number may not keep: leading zeros, hexadecimals, and more digits than surely fit in 64 bits."""
_UNITS = ("s", "ms", "us", "ns")


def infer_type(cells: pa.Array, csv: Csv) -> pa.DataType:
    """The narrowest type of (rows,) strings: null, int64, float64, bool, date32, a timestamp, else string.

    Digits with leading zeros, and whole numbers of more than 18 digits, are text: a number loses digits.
    """
    known = cells.drop_null()
    if not len(known):
        return pa.null()
    for candidate in _INFERRED:
        # Most types are ruled out by the first cell alone.
        if _is(candidate, known.slice(0, 1), csv) and _is(candidate, known, csv):
            return pa.string() if is_number(candidate) and _is_code(known, csv) else candidate
    return pa.string()


def widen(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """The narrowest type that holds the values of both: nulls fit all, integers numbers, dates times, scalars text.

    The first one where nothing holds both, as text and lists.
    """
    one, other = value_type(one), value_type(other)
    if one == other or pa.types.is_null(other):
        return one
    if pa.types.is_null(one):
        return other
    if is_text(one) and is_text(other):
        return pa.string()
    if is_number(one) and is_number(other):
        return pa.int64() if all(map(_fits_int64, (one, other))) else pa.float64()
    if (wider := _widen_temporal(one, other)) is not None:
        return wider
    items = item_type(one), item_type(other)
    if items[0] is not None and items[1] is not None:
        return pa.list_(widen(items[0], items[1]))
    return pa.string() if _is_scalar(one) and _is_scalar(other) else one


def _is(wanted: pa.DataType, cells: pa.Array, csv: Csv) -> bool:
    if pa.types.is_boolean(wanted):
        return bool(pc.all(pc.is_in(pc.utf8_lower(cells), pa.array(["true", "false"])), min_count=0).as_py())
    try:
        parse(cells, wanted, csv)
    except pa.ArrowInvalid:
        return False
    return True


def _is_code(cells: pa.Array, csv: Csv) -> bool:
    plain = plain_numbers(cells, csv)
    # Few numbers begin with a zero, and a pattern costs ten times as much as looking at the first character.
    zero = pc.and_not(pc.starts_with(plain, "0"), pc.starts_with(plain, "0."))
    signed = pc.or_(pc.starts_with(plain, "-0"), pc.starts_with(plain, "+0"))
    suspects = plain.filter(pc.or_(pc.or_(zero, signed), pc.greater(pc.binary_length(plain), 18)))
    return bool(len(suspects) and pc.any(pc.match_substring_regex(suspects, _CODE)).as_py())


def _widen_temporal(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """The finer of two dates or timestamps; None where the types are others, or a clock meets a zone."""
    if not (is_temporal(one) and is_temporal(other)):
        return None
    dates = [pa.types.is_date(each) for each in (one, other)]
    if all(dates):
        return pa.date64()
    if any(dates):
        timestamp = other if dates[0] else one
        return timestamp if timestamp.tz is None else None
    if (one.tz is None) != (other.tz is None):
        return None
    unit = max(one.unit, other.unit, key=_UNITS.index)
    return pa.timestamp(unit, one.tz if one.tz == other.tz else "UTC")


def _fits_int64(arrow_type: pa.DataType) -> bool:
    return bool(pa.types.is_integer(arrow_type) and arrow_type != pa.uint64())


def _is_scalar(arrow_type: pa.DataType) -> bool:
    kinds = (is_text, is_number, is_temporal, pa.types.is_boolean)
    return any(fits(arrow_type) for fits in kinds)
