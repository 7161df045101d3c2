"""Common formats of dates and times that are not ISO 8601, as `data.dates` may declare them."""

import pyarrow as pa

from mtl_core.data.cells import parse_dates

_DAYS = (
    *("%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d"),
    *("%m/%d/%y", "%d/%m/%y", "%d.%m.%y", "%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%b %d, %Y", "%d %B %Y", "%B %d, %Y"),
)
_TIMES = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p")
FORMATS = tuple(day + time for day in _DAYS for time in _TIMES)


def matching_formats(texts: pa.Array) -> list[str]:
    """Those of FORMATS that read all of (rows,) strings without nulls; at least one row."""
    # Most formats are ruled out by the first text alone.
    return [date_format for date_format in FORMATS if _reads(texts[:1], date_format) and _reads(texts, date_format)]


def _reads(texts: pa.Array, date_format: str) -> bool:
    try:
        parse_dates(texts, date_format)
    except pa.ArrowInvalid:
        return False
    return True
