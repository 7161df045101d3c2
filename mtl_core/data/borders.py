"""Borders of a split by time, as values of its column; text is compared only where it orders as time does."""

import re
from datetime import date, datetime

import pyarrow as pa

from mtl_core import arrow_compute as pc
from mtl_core.arrow import as_strings, is_text
from mtl_core.config import Boundary
from mtl_core.data.date_formats import FORMATS, formats_of
from mtl_core.errors import DataError

_OFFSET = r"(Z|[+-][0-9]{2}(:?[0-9]{2})?)"
_CLOCK = rf"[T ]([01][0-9]|2[0-3])(:[0-5][0-9](:[0-5][0-9]([.][0-9]+)?)?)?{_OFFSET}?"
_MONTH, _DAY = "(0[1-9]|1[0-2])", "(0[1-9]|[12][0-9]|3[01])"
_ISO = rf"[0-9]{{4}}(-{_MONTH}(-{_DAY}({_CLOCK})?)?|{_MONTH}({_DAY})?|-?W[0-5][0-9](-?[1-7])?|-?Q[1-4])?"
"""Texts that order as time does: years, months, weeks, days and times of ISO 8601; quarters too."""
_ZONED = re.compile(rf"[T ].*?(?P<offset>{_OFFSET})$")


def border_in(values: pa.Array, column: str, border: Boundary) -> pa.Scalar:
    """The border as a scalar that the (rows,) values, plain and without nulls, can be compared with.

    A border without a zone is in the local time of the column's zone, whether YAML read it as a date or as text.
    DataError for a border that is no value of the column, and for text that does not order as time does.
    """
    if isinstance(border, date):  # a datetime is a date too
        border = _text(border)
    return _text_border(values, column, str(border)) if is_text(values.type) else _scalar(values.type, column, border)


def _text(border: date) -> str:
    """ISO 8601; midnight without a zone is the day, since every form of text has that."""
    text = border.isoformat()
    return text.removesuffix("T00:00:00") if isinstance(border, datetime) else text


def _text_border(values: pa.Array, column: str, border: str) -> pa.Scalar:
    texts = as_strings(values)
    if len(texts) and border[10:11] in ("T", " ") and (mark := str(texts[0].as_py())[10:11]) in ("T", " "):
        border = border[:10] + mark + border[11:]
    if re.fullmatch(_ISO, border):
        offset = zoned["offset"] if (zoned := _ZONED.search(border)) else ""
        # A value in the form of the border, or more exact, and with the same offset, is before it exactly as text is.
        pattern = re.sub("[0-9]", "[0-9]", re.escape(border.removesuffix(offset)))
        pattern = f"^{pattern}{re.escape(offset) + '$' if offset else ''}"
        orders = pc.and_(pc.match_substring_regex(texts, f"^({_ISO})$"), pc.match_substring_regex(texts, pattern))
        strange = texts.filter(pc.invert(orders))
    else:
        strange = texts
    if len(strange):
        form = next(iter(formats_of(strange[:1_000])), FORMATS[0])
        raise DataError(
            f"split: text is split by time only where it orders as time does, in ISO 8601 and the form of the border, "
            f"found {strange[0].as_py()!r} in column {column!r} and the border {border!r}; say how its dates are "
            f'written, as in `data: {{dates: {{{column}: "{form}"}}}}`, or write ISO 8601'
        )
    return pa.scalar(border, values.type)


def _scalar(arrow_type: pa.DataType, column: str, border: str | float) -> pa.Scalar:
    """The border as a value of that type, of which nothing is lost."""
    try:
        if isinstance(border, str) and pa.types.is_timestamp(arrow_type):
            return _moment(border, arrow_type)
        given = pa.scalar(border)
        if isinstance(border, str) and pa.types.is_date(arrow_type):
            given = given.cast(pa.timestamp("s"))  # so that midnight is a day
        found = given.cast(arrow_type)
        if not pa.types.is_string(given.type) and found.cast(given.type) != given:
            raise pa.ArrowInvalid("it would lose a part of its value")
    except (pa.ArrowException, OverflowError) as error:
        words = str(error).splitlines()[0]
        raise DataError(
            f"split: a border must be a value of column {column!r} ({arrow_type}), found {border!r}: {words}"
        ) from None
    return found


def _moment(border: str, arrow_type: pa.DataType) -> pa.Scalar:
    if arrow_type.tz is None or _ZONED.search(border):
        return pa.scalar(border).cast(arrow_type)
    local = pa.array([border]).cast(pa.timestamp(arrow_type.unit))
    found = pc.assume_timezone(local, arrow_type.tz)
    if (found[0].value > 0) != (local[0].value > 0) and abs(found[0].value - local[0].value) > 2**62:
        raise pa.ArrowInvalid("it is beyond the range of the column")  # where Arrow wraps around
    return found[0]
