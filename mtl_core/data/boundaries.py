"""Boundaries of a split by time, as values of its column. Text is accepted only if it sorts in the order of time."""

import re
from datetime import date, datetime

import pyarrow as pa

from mtl_core import arrow_compute as pc
from mtl_core.arrow import as_strings, is_text
from mtl_core.config import Boundary
from mtl_core.data.date_formats import FORMATS, matching_formats
from mtl_core.errors import DataError

_OFFSET = r"(Z|[+-][0-9]{2}(:?[0-9]{2})?)"
_CLOCK = rf"[T ]([01][0-9]|2[0-3])(:[0-5][0-9](:[0-5][0-9]([.][0-9]+)?)?)?{_OFFSET}?"
_MONTH, _DAY = "(0[1-9]|1[0-2])", "(0[1-9]|[12][0-9]|3[01])"
_ISO = rf"[0-9]{{4}}(-{_MONTH}(-{_DAY}({_CLOCK})?)?|{_MONTH}({_DAY})?|-?W[0-5][0-9](-?[1-7])?|-?Q[1-4])?"
"""Text that sorts in the order of time: years, months, weeks, days and times of ISO 8601; quarters too."""
_ZONED = re.compile(rf"[T ].*?(?P<offset>{_OFFSET})$")


def boundary_scalar(values: pa.Array, column: str, boundary: Boundary) -> pa.Scalar:
    """The boundary as a scalar that the (rows,) values, plain and without nulls, can be compared with.

    A boundary without a zone is in the local time of the column's zone, whether YAML reads it as a date or as text.
    DataError for a boundary that is no value of the column, and for text that does not sort in the order of time.
    """
    if isinstance(boundary, date):  # a datetime is a date too
        boundary = _iso_text(boundary)
    if is_text(values.type):
        return _text_scalar(values, column, str(boundary))
    return _typed_scalar(values.type, column, boundary)


def _iso_text(boundary: date) -> str:
    """ISO 8601; midnight without a zone is the day, since text of any precision includes the day."""
    text = boundary.isoformat()
    return text.removesuffix("T00:00:00") if isinstance(boundary, datetime) else text


def _text_scalar(values: pa.Array, column: str, boundary: str) -> pa.Scalar:
    texts = as_strings(values)
    if len(texts) and boundary[10:11] in ("T", " ") and (mark := str(texts[0].as_py())[10:11]) in ("T", " "):
        boundary = boundary[:10] + mark + boundary[11:]
    if re.fullmatch(_ISO, boundary):
        offset = zoned["offset"] if (zoned := _ZONED.search(boundary)) else ""
        # Text in the boundary's format or a more precise one, with the same offset, sorts in the order of time.
        pattern = re.sub("[0-9]", "[0-9]", re.escape(boundary.removesuffix(offset)))
        pattern = f"^{pattern}{re.escape(offset) + '$' if offset else ''}"
        sortable = pc.and_(pc.match_substring_regex(texts, f"^({_ISO})$"), pc.match_substring_regex(texts, pattern))
        unsortable = texts.filter(pc.invert(sortable))
    else:
        unsortable = texts
    if len(unsortable):
        date_format = next(iter(matching_formats(unsortable[:1_000])), FORMATS[0])
        raise DataError(
            f"split: text must sort in the order of time, in ISO 8601 and in the format of the boundary, "
            f"found {unsortable[0].as_py()!r} in column {column!r} and the boundary {boundary!r}; declare the format "
            f'of its dates, as in `data: {{dates: {{{column}: "{date_format}"}}}}`, or write ISO 8601'
        )
    return pa.scalar(boundary, values.type)


def _typed_scalar(arrow_type: pa.DataType, column: str, boundary: str | float) -> pa.Scalar:
    """The boundary as a value of that type; DataError if the conversion is not exact."""
    try:
        if isinstance(boundary, str) and pa.types.is_timestamp(arrow_type):
            return _timestamp(boundary, arrow_type)
        declared = pa.scalar(boundary)
        if isinstance(boundary, str) and pa.types.is_date(arrow_type):
            declared = declared.cast(pa.timestamp("s"))  # so that midnight is a day
        converted = declared.cast(arrow_type)
        if not pa.types.is_string(declared.type) and converted.cast(declared.type) != declared:
            raise pa.ArrowInvalid("it would lose a part of its value")
    except (pa.ArrowException, OverflowError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(
            f"split: a boundary must be a value of column {column!r} ({arrow_type}), found {boundary!r}: {reason}"
        ) from None
    return converted


def _timestamp(boundary: str, arrow_type: pa.DataType) -> pa.Scalar:
    if arrow_type.tz is None or _ZONED.search(boundary):
        return pa.scalar(boundary).cast(arrow_type)
    local = pa.array([boundary]).cast(pa.timestamp(arrow_type.unit))
    zoned = pc.assume_timezone(local, arrow_type.tz)
    if (zoned[0].value > 0) != (local[0].value > 0) and abs(zoned[0].value - local[0].value) > 2**62:
        raise pa.ArrowInvalid("it is beyond the range of the column")  # where Arrow wraps around
    return zoned[0]
