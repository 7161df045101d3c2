"""Durations, such as `9 months`, as params.yaml declares them."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator

UNITS = ("hours", "days", "weeks", "months", "years")
_DURATION = re.compile(rf"([1-9][0-9]{{0,4}}) ({'|'.join(unit.removesuffix('s') for unit in UNITS)})s?")
_NUMBER_AND_WORD = re.compile(r"\s*[-+]?[0-9][0-9.,]*\s*[A-Za-z]+\s*")
"""Pattern of text that is meant as a duration; no text in ISO 8601 matches."""

FIXED_UNITS = ("minutes", "hours", "days", "weeks")
MAX_FIXED = timedelta(weeks=5_200)
_FIXED = re.compile(r"([1-9]\d{0,8}) (minute|hour|day|week)s?")


@dataclass(frozen=True)
class Duration:
    """A whole number of hours, days, weeks, months or years."""

    count: int
    unit: str
    """An item of UNITS."""


def read_duration(option: str, value: Any) -> Duration | None:
    """The duration that the value of an option is; None if it is not meant as one.

    Raises ValueError for a number with another unit, or with an invalid number.
    """
    if not isinstance(value, str) or not _NUMBER_AND_WORD.fullmatch(value):
        return None
    if not (match := _DURATION.fullmatch(value)):
        raise ValueError(
            f"a duration must be a whole number from 1 to 99999, a blank, and {', '.join(UNITS[:-1])} or {UNITS[-1]}, "
            f"found `{option}: {value}`; write, for example, `{option}: 30 days`"
        )
    return Duration(int(match[1]), f"{match[2]}s")


def fixed_length(text: str) -> timedelta:
    """Length of a text such as `30 days` or `1 week`; ValueError for any other text."""
    match = _FIXED.fullmatch(text)
    length = timedelta(**{f"{match[2]}s": int(match[1])}) if match else timedelta()
    if not timedelta() < length <= MAX_FIXED:
        raise ValueError(
            f"must be a whole number of {', '.join(FIXED_UNITS)}, at most {MAX_FIXED.days // 7:,} weeks, found "
            f"{text!r:.80}; write it as in `30 days`"
        )
    return length


def _check_fixed(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError(f"must be a number and a unit, as in `30 days`, found {value!r:.80}")
    fixed_length(value)
    return value


FixedDuration = Annotated[str, BeforeValidator(_check_fixed)]
"""A whole number and a unit of fixed length, as in `30 days`; `fixed_length` reads it."""
