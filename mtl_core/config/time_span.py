"""Spans of time in `params.yaml`: a whole number and a unit of fixed length, as in `30 days`."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator

UNITS = ("minutes", "hours", "days", "weeks")
MAX = timedelta(weeks=5_200)
_PATTERN = re.compile(r"([1-9]\d{0,8}) (minute|hour|day|week)s?")


def parse_time_span(text: str) -> timedelta:
    """The span that a text such as `30 days` or `1 week` names; ValueError for any other text."""
    match = _PATTERN.fullmatch(text)
    length = timedelta(**{f"{match[2]}s": int(match[1])}) if match else timedelta()
    if not timedelta() < length <= MAX:
        raise ValueError(
            f"must be a whole number of {', '.join(UNITS)}, at most {MAX.days // 7:,} weeks, found {text!r:.80}; "
            "write it as in `30 days`"
        )
    return length


def _check(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError(f"must be a number and a unit, as in `30 days`, found {value!r:.80}")
    parse_time_span(value)
    return value


TimeSpan = Annotated[str, BeforeValidator(_check)]
"""A text that `parse_time_span` reads."""
