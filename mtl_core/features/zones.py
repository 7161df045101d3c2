"""Offsets of a time zone, read from the IANA database at fitting and stored with the model."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
from numpy.typing import NDArray

from mtl_core.errors import suggestion
from mtl_core.frozen import Frozen

if TYPE_CHECKING:
    from mtl_core.graphs.builder import GraphBuilder

FIRST_YEAR, LAST_YEAR = 1970, 2099
"""Years whose changes of the offset are stored; before and after them the first and the last offset apply."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_YEAR = 31_557_600
"""Seconds of 365.25 days."""


class Zone(Frozen):
    """Offsets from UTC in seconds: `offsets[i]` until `starts[i]`, the last one after all starts."""

    name: str
    starts: tuple[int, ...]
    """Ascending, in seconds since 1970-01-01T00:00:00Z."""
    offsets: tuple[int, ...]

    def offset(self, seconds: NDArray[np.float64]) -> NDArray[np.int64]:
        """(rows,) seconds in UTC -> (rows,) seconds by which the zone's wall clock is ahead."""
        return np.array(self.offsets)[np.searchsorted(self.starts, seconds, side="right")]

    def local_nodes(self, graph: GraphBuilder, seconds: str, shift: int) -> str:
        """(D, rows) int64 seconds in UTC since `shift` seconds before 1970 -> the same of the zone's wall clock.

        A row is compared with the few changes of its year only, not with all of them.
        """
        if not self.starts:
            return graph.add("Add", seconds, graph.constant(self.offsets[0], np.int64)) if self.offsets[0] else seconds
        starts = np.array(self.starts, dtype=np.int64) + shift
        years = starts // _YEAR
        first, count = years[0], years[-1] - years[0] + 1
        before = np.searchsorted(years, np.arange(first, first + count))  # (years,) number of earlier changes
        table = np.full((np.bincount(years - first).max(), count), np.iinfo(np.int64).max)  # (changes of a year, years)
        table[np.arange(len(starts)) - before[years - first], years - first] = starts
        limits = (graph.constant(limit, np.int64) for limit in (first, years[-1]))
        year = graph.add("Clip", graph.add("Div", seconds, graph.constant(_YEAR, np.int64)), *limits)
        year = graph.add("Sub", year, graph.constant(first, np.int64))
        changes = graph.add("Gather", graph.constant(table, np.int64), year, axis=1)  # (changes of a year, D, rows)
        passed = graph.cast(graph.add("GreaterOrEqual", seconds, changes), np.int64)
        passed = graph.add("ReduceSum", passed, graph.constant([0], np.int64), keepdims=0)
        index = graph.add("Add", passed, graph.add("Gather", graph.constant(before, np.int64), year))
        return graph.add("Add", seconds, graph.add("Gather", graph.constant(self.offsets, np.int64), index))


def is_zone(name: str) -> bool:
    """True if the IANA database has a zone of that name."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown; a path; a folder of zones
        return False
    return True


def check_zone(name: str) -> str:
    """The name of a zone, or an empty text; ValueError for any other."""
    if name and not is_zone(name):
        raise ValueError(
            f"must be a zone of the IANA database, as Europe/Berlin, found {name!r}; "
            f"{suggestion(name, sorted(available_timezones()))}"
        )
    return name


@lru_cache(maxsize=16)
def read_zone(name: str) -> Zone:
    """The zone of that name in the IANA database.

    Offsets are compared from day to day; a change within a day is located to the second by bisection.
    """
    zone = ZoneInfo(name)

    def offset(seconds: int) -> int:
        difference = (_EPOCH + timedelta(seconds=seconds)).astimezone(zone).utcoffset()
        assert difference is not None
        return difference // timedelta(seconds=1)

    first, last = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (FIRST_YEAR, LAST_YEAR + 1))
    starts, offsets = [], [offset(first)]
    for day in range(first + 86_400, last + 1, 86_400):
        if (after := offset(day)) != offsets[-1]:
            low, high = day - 86_400, day
            while high - low > 1:
                midpoint = (low + high) // 2
                low, high = (low, midpoint) if offset(midpoint) == after else (midpoint, high)
            starts.append(high)
            offsets.append(after)
    return Zone(name=name, starts=tuple(starts), offsets=tuple(offsets))
