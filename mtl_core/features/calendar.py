"""Calendar parts of timestamps in integer arithmetic; datetime_nodes.py has the same arithmetic as ONNX nodes.

A timestamp has a position in the day (its minute), in the week, and in the year, which begins in March, so that the
leap day is the last one. A part is a table over one of these positions. Source: H. Hinnant 2014, "chrono-Compatible
Low-Level Date Algorithms", civil_from_days, for the proleptic Gregorian calendar.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator

if TYPE_CHECKING:
    from mtl_core.features.zones import Zone

CalendarPart = Literal["minute", "hour", "weekday", "day", "month", "dayofyear"]
Cycle = Literal["day", "week", "year"]


def _unique(parts: tuple[CalendarPart, ...]) -> tuple[CalendarPart, ...]:
    if len(set(parts)) < len(parts):
        raise ValueError(f"must name each part once, found {', '.join(parts)}; remove the repetition")
    return parts


CalendarParts = Annotated[tuple[CalendarPart, ...], AfterValidator(_unique)]

PERIODS: dict[CalendarPart, int] = {"minute": 60, "hour": 24, "weekday": 7, "day": 31, "month": 12, "dayofyear": 366}
"""Number of values of each part, counted from 0; a week begins on Monday."""
CYCLES: dict[Cycle, int] = {"day": 1440, "week": 7, "year": 732}
"""Number of positions: minutes of a day; days of a week; days of a March year, first of one that follows a common
February, then of one that follows a leap day.
"""

MIN_SECONDS, MAX_SECONDS = -62_135_596_800.0, 253_402_300_799.0
"""Range of timestamps, 0001-01-01T00:00:00 to 9999-12-31T23:59:59, in seconds since 1970."""
SHIFT = 719_468 * 86_400
"""Seconds from 0000-03-01 to 1970-01-01. Since 0000-03-01 no timestamp is negative, and division needs no floor."""
ERA = 146_097
"""Days of 400 years."""


def _year_starts() -> NDArray[np.int64]:
    """(400,) first day of every March year of an era, less 366 where it follows a leap day, as in CYCLES."""
    year = np.arange(400)
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year == 0))
    return np.asarray(365 * year + year // 4 - year // 100 - 366 * leap)


YEAR_STARTS = _year_starts()


def cycle_of(part: CalendarPart) -> Cycle:
    """The positions that a part is a table over."""
    return "day" if part in ("minute", "hour") else "week" if part == "weekday" else "year"


def part_table(part: CalendarPart) -> NDArray[np.int64]:
    """(positions of its cycle,) values of the part, from 0 to its period - 1."""
    position = np.arange(CYCLES[cycle_of(part)])
    leap, day = np.divmod(position, 366)  # of the year: counted from the first of March
    month = (5 * day + 2) // 153
    match part:
        case "minute":
            return position % 60
        case "hour":
            return position // 60
        case "weekday":
            return position
        case "day":
            return np.asarray(day - (153 * month + 2) // 5)
        case "month":
            return (month + 2) % 12
        case "dayofyear":
            return np.where(day < 306, day + 59 + leap, day - 306)


def sin_cos_table(part: CalendarPart) -> NDArray[np.float32]:
    """(2, positions of its cycle) sine and cosine of the part's angle."""
    angle = part_table(part) * (2 * np.pi / PERIODS[part])
    return np.stack([np.sin(angle), np.cos(angle)]).astype(np.float32)


def from_sin_cos(part: CalendarPart, sine: NDArray[np.float32], cosine: NDArray[np.float32]) -> NDArray[np.int64]:
    """(rows,) values of the part; -1 where both are 0, as for a missing timestamp."""
    turns = np.arctan2(sine, cosine, dtype=np.float64) / (2 * np.pi)
    values = np.rint(turns * PERIODS[part]).astype(np.int64) % PERIODS[part]
    return np.where((sine == 0) & (cosine == 0), -1, values)


@dataclass(frozen=True, kw_only=True)
class Timestamps:
    """Timestamps of some rows, and their positions in each cycle; both are arbitrary where `valid` is false."""

    seconds: NDArray[np.float64]
    """(rows,) since 1970, of the wall clock, or in UTC where there is a zone."""
    valid: NDArray[np.bool_]
    positions: dict[Cycle, NDArray[np.int64]]

    @classmethod
    def from_seconds(cls, seconds: NDArray[np.float64], zone: Zone | None) -> Self:
        """(rows,) seconds between MIN_SECONDS and MAX_SECONDS, or not finite where a timestamp is missing."""
        valid = np.isfinite(seconds)
        seconds = np.where(valid, seconds, 0.0)
        whole = np.floor(seconds)
        local = whole.astype(np.int64) + SHIFT + (0 if zone is None else zone.offset(whole))
        day = local // 86_400
        day_of_era = day % ERA
        year = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
        positions: dict[Cycle, NDArray[np.int64]] = {
            "day": local % 86_400 // 60,
            "week": (day + 2) % 7,
            "year": day_of_era - YEAR_STARTS[year],
        }
        return cls(seconds=seconds, valid=valid, positions=positions)

    def part(self, part: CalendarPart) -> NDArray[np.int64]:
        """(rows,) values of that part."""
        return part_table(part)[self.positions[cycle_of(part)]]
