"""Values of cells of text. The one place where text becomes a number, a boolean, a date or a time.

serving/cells.py reads single values of a request by the same rules.
"""

from datetime import UTC, datetime

import pyarrow as pa

from mtl_core import arrow_compute as pc
from mtl_core.arrow import as_dictionary, as_strings, decoded, is_number, is_temporal, is_text, value_type
from mtl_core.config.data import Csv
from mtl_core.errors import DataError

_NUMBER = r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$"
_KINDS = {"text": is_text, "number": is_number, "boolean": pa.types.is_boolean, "datetime": is_temporal}
_YES, _NO = ("true", "1"), ("false", "0")
BOOLEAN_WORDS = frozenset((*_YES, *_NO))
"""The cells that a column of booleans may hold, in lower case."""


def without_nulls(values: pa.Array, csv: Csv) -> pa.Array:
    """(rows,) text, plain or as a dictionary, with null for the empty string and the words for a missing value."""
    words = pa.array(dict.fromkeys(("", *csv.nulls)), pa.string())
    if pa.types.is_dictionary(values.type):
        entries = without_nulls(values.dictionary, csv)
        return values if entries is values.dictionary else pa.DictionaryArray.from_arrays(values.indices, entries)
    missing = pc.is_in(values, words.cast(values.type))
    return pc.if_else(missing, pa.scalar(None, values.type), values) if pc.any(missing).as_py() else values


def parse(cells: pa.Array, wanted: pa.DataType, csv: Csv) -> pa.Array:
    """(rows,) strings -> (rows,) values of that type; pa.ArrowInvalid for a cell that is none. A null stays null."""
    if pa.types.is_boolean(wanted):
        return _booleans(cells)
    if is_number(wanted):
        return pc.cast(plain_numbers(cells, csv), wanted)
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
        if is_text(wanted):
            return _laid_out(values, wanted)
        return _read(pc.cast(decoded(values), pa.string()), wanted, csv, form)
    if _through_text(values.type, wanted):
        # As a CSV file has them. Arrow takes 20240131 for a count of days or ticks since 1970, and 2 for true.
        texts = _texts(decoded(values))
        return _laid_out(texts, wanted) if is_text(wanted) else _read(texts, wanted, Csv(), form)
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


def plain_numbers(cells: pa.Array, csv: Csv) -> pa.Array:
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


def is_known_number(cells: pa.Array, csv: Csv) -> pa.Array:
    """(rows,) strings -> (rows,) mask of the finite numbers."""
    return pc.fill_null(pc.match_substring_regex(plain_numbers(cells, csv), _NUMBER), False)


def _read(cells: pa.Array, wanted: pa.DataType, csv: Csv, form: str | None) -> pa.Array:
    return pc.cast(parse_dates(cells, form), wanted) if form else parse(cells, wanted, csv)


def _booleans(cells: pa.Array) -> pa.Array:
    words = pc.utf8_lower(pc.utf8_trim_whitespace(cells))
    yes, no = (pc.is_in(words, pa.array(known)) for known in (_YES, _NO))
    if pc.any(pc.and_(pc.is_valid(cells), pc.invert(pc.or_(yes, no)))).as_py():
        raise pa.ArrowInvalid("a boolean must be true, false, 1 or 0")
    return pc.if_else(pc.is_null(cells), pa.scalar(None, pa.bool_()), yes)


def _through_text(stored: pa.DataType, wanted: pa.DataType) -> bool:
    """True where the types are of different kinds, other than booleans as numbers."""
    kinds = [next((kind for kind, fits in _KINDS.items() if fits(value_type(each))), None) for each in (stored, wanted)]
    return None not in kinds and kinds[0] != kinds[1] and kinds != ["boolean", "number"]


def _laid_out(values: pa.Array, wanted: pa.DataType) -> pa.Array:
    """The values as that type, which may be a dictionary; Arrow cannot cast every type to one."""
    if values.type == wanted:
        return values
    if not pa.types.is_dictionary(wanted):
        return pc.cast(decoded(values), wanted)
    if not pa.types.is_dictionary(values.type):
        values = as_dictionary(pc.cast(values, wanted.value_type))
    return values.cast(wanted)


def _texts(values: pa.Array) -> pa.Array:
    """Numbers, booleans, dates and times as text; a null stays null."""
    return pc.if_else(pc.is_valid(values), as_strings(values), pa.scalar(None, pa.string()))
