"""Durations, such as `9 months`, as params.yaml declares them."""

import re
from dataclasses import dataclass
from typing import Any

UNITS = ("hours", "days", "weeks", "months", "years")
_DURATION = re.compile(rf"([1-9][0-9]{{0,4}}) ({'|'.join(unit.removesuffix('s') for unit in UNITS)})s?")
_NUMBER_AND_WORD = re.compile(r"\s*[-+]?[0-9][0-9.,]*\s*[A-Za-z]+\s*")
"""Pattern of text that is meant as a duration; no text in ISO 8601 matches."""


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
