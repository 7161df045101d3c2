"""Parsing of text cells as numbers, booleans, dates and times.

serving/cells.py parses single values of a request by the same rules.
"""

from datetime import UTC, datetime

import pyarrow as pa

from mtl_core import arrow_compute as pc
from mtl_core.arrow import as_dictionary, as_strings, decoded, is_number, is_temporal, is_text, value_type
from mtl_core.config.data import Csv

_NUMBER = r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$"
KINDS = {"text": is_text, "number": is_number, "boolean": pa.types.is_boolean, "datetime": is_temporal}
"""Kinds of scalar types, as `data.types` may declare them."""
_TRUE, _FALSE = ("true", "1"), ("false", "0")
BOOLEAN_WORDS = frozenset((*_TRUE, *_FALSE))
"""The cells of a column of booleans, in lower case."""


def without_nulls(values: pa.Array, csv: Csv) -> pa.Array:
    """(rows,) text, plain or as a dictionary, with null for the empty string and the words for missing values."""
    words = pa.array(dict.fromkeys(("", *csv.nulls)), pa.string())
    if pa.types.is_dictionary(values.type):
        entries = without_nulls(values.dictionary, csv)
        return values if entries is values.dictionary else pa.DictionaryArray.from_arrays(values.indices, entries)
    missing = pc.is_in(values, words.cast(values.type))
    return pc.if_else(missing, pa.scalar(None, values.type), values) if pc.any(missing).as_py() else values


def parse(cells: pa.Array, arrow_type: pa.DataType, csv: Csv) -> pa.Array:
    """(rows,) strings -> (rows,) values of that type; pa.ArrowInvalid for any other cell. A null stays null."""
    if pa.types.is_boolean(arrow_type):
        return _parse_booleans(cells)
    if is_number(arrow_type):
        return pc.cast(plain_numbers(cells, csv), arrow_type)
    cells = pc.utf8_trim_whitespace(cells)
    try:
        return pc.cast(cells, arrow_type)
    except pa.ArrowInvalid:  # without digits beyond microseconds
        return pc.cast(pc.replace_substring_regex(cells, r"(\.[0-9]{6})[0-9]{1,3}", r"\1"), arrow_type)


def parse_dates(cells: pa.Array, date_format: str) -> pa.Array:
    """(rows,) strings of that format of strptime -> (rows,) timestamps, in UTC where the format has an offset.

    pa.ArrowInvalid for a cell of another format.
    """
    # Python's strptime, once per distinct value, since the service parses a request's value with it too.
    encoded = cells.dictionary_encode()
    zoned = "%z" in date_format

    def parse_one(text: str) -> datetime:
        timestamp = datetime.strptime(text.strip(), date_format)
        return timestamp.astimezone(UTC) if zoned else timestamp

    try:
        timestamps = [None if text is None else parse_one(text) for text in encoded.dictionary.to_pylist()]
    except (ValueError, OverflowError) as error:  # the year 9999 may end earlier in UTC
        raise pa.ArrowInvalid(str(error)) from None
    return pa.array(timestamps, pa.timestamp("us", "UTC" if zoned else None)).take(encoded.indices)


def convert(values: pa.Array, arrow_type: pa.DataType, csv: Csv, date_format: str | None = None) -> pa.Array:
    """(rows,) stored values -> (rows,) values of that type; pa.ArrowInvalid for a value that cannot be read as it.

    Args:
        date_format: the declared format of a column of dates.
    """
    if is_text(values.type):
        if is_text(arrow_type):
            return _cast(values, arrow_type)
        return _parse(pc.cast(decoded(values), pa.string()), arrow_type, csv, date_format)
    if _is_other_kind(values.type, arrow_type):
        # As a CSV file has them. Arrow takes 20240131 for a count of days or ticks since 1970, and 2 for true.
        texts = pc.if_else(pc.is_valid(values), as_strings(values), pa.scalar(None, pa.string()))
        return _cast(texts, arrow_type) if is_text(arrow_type) else _parse(texts, arrow_type, Csv(), date_format)
    timestamps = pa.types.is_timestamp(values.type) and pa.types.is_timestamp(arrow_type)
    if timestamps and (not values.type.tz) != (not arrow_type.tz):
        raise pa.ArrowInvalid("a timestamp with a zone cannot become one without, nor the other way round")
    return _cast(values, arrow_type)


def first_unreadable(values: pa.Array, arrow_type: pa.DataType, csv: Csv, date_format: str | None = None) -> int:
    """Index of the first of (rows,) values that `convert` cannot read; one of them must be unreadable."""
    start, end = 0, len(values)
    while end - start > 1:
        middle = (start + end) // 2
        try:
            convert(values.slice(start, middle - start), arrow_type, csv, date_format)
        except pa.ArrowException:
            end = middle
        else:
            start = middle
    return start


def plain_numbers(cells: pa.Array, csv: Csv) -> pa.Array:
    """Cells without surrounding blanks and thousands separators, with a point as the decimal mark."""
    cells = pc.utf8_trim_whitespace(cells)
    if csv.thousands:
        mark, decimal = (f"[{character}]" for character in (csv.thousands, csv.decimal))
        grouped = pc.match_substring_regex(cells, rf"^[+-]?[0-9]{{1,3}}(?:{mark}[0-9]{{3}})+(?:{decimal}[0-9]*)?$")
        cells = pc.if_else(grouped, pc.replace_substring(cells, csv.thousands, ""), cells)
    if csv.decimal != ".":
        # A cell with a point becomes invalid: 1.500 must not become one and a half.
        cells = pc.replace_substring(pc.replace_substring(cells, ".", "?"), csv.decimal, ".")
    return cells


def is_finite_number(cells: pa.Array, csv: Csv) -> pa.Array:
    """(rows,) strings -> (rows,) mask of the finite numbers."""
    return pc.fill_null(pc.match_substring_regex(plain_numbers(cells, csv), _NUMBER), False)


def _parse(cells: pa.Array, arrow_type: pa.DataType, csv: Csv, date_format: str | None) -> pa.Array:
    return pc.cast(parse_dates(cells, date_format), arrow_type) if date_format else parse(cells, arrow_type, csv)


def _parse_booleans(cells: pa.Array) -> pa.Array:
    words = pc.utf8_lower(pc.utf8_trim_whitespace(cells))
    true, false = (pc.is_in(words, pa.array(accepted)) for accepted in (_TRUE, _FALSE))
    if pc.any(pc.and_(pc.is_valid(cells), pc.invert(pc.or_(true, false)))).as_py():
        raise pa.ArrowInvalid("a boolean must be true, false, 1 or 0")
    return pc.if_else(pc.is_null(cells), pa.scalar(None, pa.bool_()), true)


def _is_other_kind(stored: pa.DataType, arrow_type: pa.DataType) -> bool:
    """True if the types are of different kinds, other than booleans as numbers."""
    kinds = [
        next((kind for kind, is_kind in KINDS.items() if is_kind(value_type(each))), None)
        for each in (stored, arrow_type)
    ]
    return None not in kinds and kinds[0] != kinds[1] and kinds != ["boolean", "number"]


def _cast(values: pa.Array, arrow_type: pa.DataType) -> pa.Array:
    """The values as that type, which may be a dictionary; Arrow cannot cast every type to one."""
    if values.type == arrow_type:
        return values
    if not pa.types.is_dictionary(arrow_type):
        return pc.cast(decoded(values), arrow_type)
    if not pa.types.is_dictionary(values.type):
        values = as_dictionary(pc.cast(values, arrow_type.value_type))
    return values.cast(arrow_type)
