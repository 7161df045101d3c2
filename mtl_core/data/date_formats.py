"""Common formats of dates and times that are not ISO 8601, as `data.dates` may declare them."""

from datetime import datetime

import pyarrow as pa

from mtl_core.data.cells import parse_dates

_DAYS = (
    *("%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d"),
    *("%m/%d/%y", "%d/%m/%y", "%d.%m.%y", "%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%b %d, %Y", "%d %B %Y", "%B %d, %Y"),
)
_TIMES = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p")
FORMATS = tuple(day + time for day in _DAYS for time in _TIMES)


def formats_of(texts: pa.Array) -> list[str]:
    """Those of FORMATS that read all of (rows,) strings without nulls; at least one row."""
    first = texts[0].as_py()
    return [form for form in FORMATS if _reads(first, form) and _reads_all(texts, form)]


def _reads(text: str, form: str) -> bool:
    try:
        datetime.strptime(text.strip(), form)
    except ValueError:
        return False
    return True


def _reads_all(texts: pa.Array, form: str) -> bool:
    try:
        parse_dates(texts, form)
    except pa.ArrowInvalid:
        return False
    return True
