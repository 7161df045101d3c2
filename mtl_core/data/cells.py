"""Values of cells of text. The one place where text becomes a number, a boolean, a date or a time.

`infer_type` and `widen` decide a type over many blocks of cells, in any order and cut anywhere: the type of all cells
is the widest of the blocks' types. serving/cells.py reads single values of a request by the same rules.
"""

from datetime import UTC, datetime

import pyarrow as pa

from mtl_core import arrow_compute as pc
from mtl_core.arrow import as_dictionary, as_strings, is_number, is_temporal, is_text, item_type, value_type
from mtl_core.config.data import Csv
from mtl_core.errors import DataError

__all__ = [
    "BOOLEAN_WORDS",
    "convert",
    "first_misfit",
    "infer_type",
    "is_known_number",
    "parse",
    "parse_dates",
    "widen",
    "without_nulls",
]

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

_NUMBER = r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$"
_CODE = r"^[+-]?(?:0[0-9]+(?:[.eE]|$)|0[xX]|[0-9]{19,}$)"
"""Digits that a number would not keep: leading zeros, hexadecimals, and more digits than 64 bits hold."""
_UNITS = ("s", "ms", "us", "ns")
_YES, _NO = ("true", "1"), ("false", "0")
BOOLEAN_WORDS = frozenset((*_YES, *_NO))
"""The cells that a column of booleans may hold, in small letters."""


def without_nulls(values: pa.Array, csv: Csv) -> pa.Array:
    """(rows,) text, plain or as a dictionary, with null for the empty string and the words for a missing value."""
    words = pa.array(dict.fromkeys(("", *csv.nulls)), pa.string())
    if pa.types.is_dictionary(values.type):
        entries = without_nulls(values.dictionary, csv)
        return values if entries is values.dictionary else pa.DictionaryArray.from_arrays(values.indices, entries)
    missing = pc.is_in(values, words.cast(values.type))
    return pc.if_else(missing, pa.scalar(None, values.type), values) if pc.any(missing).as_py() else values


def infer_type(cells: pa.Array, csv: Csv) -> pa.DataType:
    """The narrowest type of (rows,) strings: null, int64, float64, bool, date32, a timestamp, else string.

    Digits with leading zeros, and whole numbers beyond 64 bits, are text: they are codes, and a number loses digits.
    """
    known = cells.drop_null()
    if not len(known):
        return pa.null()
    if _is_code(known, csv):
        return pa.string()
    for candidate in _INFERRED:
        # Most types are ruled out by the first cell alone.
        if _is(candidate, known.slice(0, 1), csv) and _is(candidate, known, csv):
            return candidate
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


def parse(cells: pa.Array, wanted: pa.DataType, csv: Csv) -> pa.Array:
    """(rows,) strings -> (rows,) values of that type; pa.ArrowInvalid for a cell that is none. A null stays null."""
    if pa.types.is_boolean(wanted):
        return _booleans(cells)
    if is_number(wanted):
        return pc.cast(_plain_numbers(cells, csv), wanted)
    cells = pc.utf8_trim_whitespace(cells)
    try:
        return pc.cast(cells, wanted)
    except pa.ArrowInvalid:
        return pc.cast(pc.replace_substring_regex(cells, r"(\.[0-9]{6})[0-9]{1,3}", r"\1"), wanted)


def parse_dates(cells: pa.Array, form: str) -> pa.Array:
    """(rows,) strings of that format of strptime -> (rows,) timestamps, in UTC where the format has an offset.

    pa.ArrowInvalid for a cell of another format.
    """
    # Python's own strptime, once per distinct value, since the service reads a request's value with it too.
    encoded = cells.dictionary_encode()
    zoned = "%z" in form

    def read(text: str) -> datetime:
        moment = datetime.strptime(text.strip(), form)
        return moment.astimezone(UTC) if zoned else moment

    try:
        moments = [None if text is None else read(text) for text in encoded.dictionary.to_pylist()]
    except (ValueError, OverflowError) as error:  # the year 9999 may end earlier in UTC
        raise pa.ArrowInvalid(str(error)) from None
    return pa.array(moments, pa.timestamp("us", "UTC" if zoned else None)).take(encoded.indices)


def convert(values: pa.Array, wanted: pa.DataType, csv: Csv, form: str | None = None) -> pa.Array:
    """(rows,) values as they are stored -> (rows,) values of the wanted type; pa.ArrowInvalid where one is none.

    Args:
        form: the declared format of a column of dates.
    """
    if is_text(values.type):
        if pa.types.is_string_view(values.type):  # Arrow computes little with these
            values = pc.cast(values, pa.string())
        values = without_nulls(values, csv)
        if is_text(wanted):
            return _laid_out(values, wanted)
        return _parsed(pc.cast(_decoded(values), pa.string()), wanted, csv, form)
    if values.type == wanted or pa.types.is_null(values.type):
        return _laid_out(values, wanted)
    if is_text(wanted):
        return _laid_out(_texts(_decoded(values)), wanted)
    if is_number(values.type) and (is_temporal(wanted) or pa.types.is_boolean(wanted)):
        # Arrow takes any number for ticks since 1970, and all but 0 for true; a cell of a CSV file is none of these.
        return _parsed(_texts(_decoded(values)), wanted, Csv(), form)
    if pa.types.is_timestamp(values.type) and pa.types.is_timestamp(wanted) and (not values.type.tz) != (not wanted.tz):
        raise pa.ArrowInvalid("a time with a zone is none of a wall clock, nor the other way round")
    return _laid_out(values, wanted)


def first_misfit(values: pa.Array, wanted: pa.DataType, csv: Csv, form: str | None = None) -> int:
    """Position of the first of (rows,) values that `convert` cannot read; DataError where it reads all of them."""
    start, end = 0, len(values)
    while end - start > 1:
        middle = (start + end) // 2
        try:
            convert(values.slice(start, middle - start), wanted, csv, form)
        except pa.ArrowException:
            end = middle
        else:
            start = middle
    if start >= len(values):
        raise DataError("every value can be read; report this")
    return start


def is_known_number(cells: pa.Array, csv: Csv) -> pa.Array:
    """(rows,) strings -> (rows,) mask of the finite numbers."""
    return pc.fill_null(pc.match_substring_regex(_plain_numbers(cells, csv), _NUMBER), False)


def _parsed(cells: pa.Array, wanted: pa.DataType, csv: Csv, form: str | None) -> pa.Array:
    return pc.cast(parse_dates(cells, form), wanted) if form else parse(cells, wanted, csv)


def _is(wanted: pa.DataType, cells: pa.Array, csv: Csv) -> bool:
    if pa.types.is_boolean(wanted):
        return bool(pc.all(pc.is_in(pc.utf8_lower(cells), pa.array(["true", "false"])), min_count=0).as_py())
    try:
        parse(cells, wanted, csv)
    except pa.ArrowInvalid:
        return False
    return True


def _is_code(cells: pa.Array, csv: Csv) -> bool:
    plain = _plain_numbers(cells, csv)
    # Few numbers begin with a zero, and a pattern costs ten times as much as looking at the first character.
    first = pc.or_(pc.starts_with(plain, "0"), pc.or_(pc.starts_with(plain, "-0"), pc.starts_with(plain, "+0")))
    suspects = plain.filter(pc.or_(first, pc.greater(pc.binary_length(plain), 18)))
    return bool(len(suspects) and pc.any(pc.match_substring_regex(suspects, _CODE)).as_py())


def _plain_numbers(cells: pa.Array, csv: Csv) -> pa.Array:
    """Cells without blanks around them and marks of thousands, with a point as the decimal mark."""
    cells = pc.utf8_trim_whitespace(cells)
    if csv.thousands:
        mark, decimal = (f"[{character}]" for character in (csv.thousands, csv.decimal))
        grouped = pc.match_substring_regex(cells, rf"^[+-]?[0-9]{{1,3}}(?:{mark}[0-9]{{3}})+(?:{decimal}[0-9]*)?$")
        cells = pc.if_else(grouped, pc.replace_substring(cells, csv.thousands, ""), cells)
    if csv.decimal != ".":
        # A point that is no mark makes the cell no number: 1.500 must not become one and a half.
        cells = pc.replace_substring(pc.replace_substring(cells, ".", "?"), csv.decimal, ".")
    return cells


def _booleans(cells: pa.Array) -> pa.Array:
    words = pc.utf8_lower(pc.utf8_trim_whitespace(cells))
    yes, no = (pc.is_in(words, pa.array(known)) for known in (_YES, _NO))
    if pc.any(pc.and_(pc.is_valid(cells), pc.invert(pc.or_(yes, no)))).as_py():
        raise pa.ArrowInvalid("a boolean must be true, false, 1 or 0")
    return pc.if_else(pc.is_null(cells), pa.scalar(None, pa.bool_()), yes)


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


def _decoded(values: pa.Array) -> pa.Array:
    return values.dictionary_decode() if pa.types.is_dictionary(values.type) else values


def _laid_out(values: pa.Array, wanted: pa.DataType) -> pa.Array:
    """The values as that type, which may be a dictionary; Arrow cannot cast every type to one."""
    if values.type == wanted:
        return values
    if not pa.types.is_dictionary(wanted):
        return pc.cast(_decoded(values), wanted)
    if not pa.types.is_dictionary(values.type):
        values = as_dictionary(pc.cast(values, wanted.value_type))
    return values.cast(wanted)


def _texts(values: pa.Array) -> pa.Array:
    """Numbers, booleans, dates and times as text; a null stays null."""
    return pc.if_else(pc.is_valid(values), as_strings(values), pa.scalar(None, pa.string()))
