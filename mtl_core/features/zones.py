"""Offsets of a time zone, taken from the IANA database once and stored, so that a model never sees another version."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from mtl_core.frozen import Frozen

if TYPE_CHECKING:
    from mtl_core.export.builder import GraphBuilder

__all__ = ["FIRST_YEAR", "LAST_YEAR", "Zone", "is_zone"]

FIRST_YEAR, LAST_YEAR = 1970, 2099
"""The years whose changes of the offset are stored; before and after them the first and the last offset hold."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Zone(Frozen):
    """Offsets from UTC in seconds: `offsets[i]` until `starts[i]`, the last one from then on."""

    name: str
    starts: tuple[int, ...]
    """Ascending, in seconds since 1970-01-01T00:00:00Z."""
    offsets: tuple[int, ...]

    @classmethod
    def named(cls, name: str) -> Zone:
        """The zone of that name in the IANA database; ZoneInfoNotFoundError or ValueError where there is none."""
        return _scan(name)

    def offset(self, seconds: NDArray[np.float64]) -> NDArray[np.int64]:
        """(rows,) seconds in UTC -> (rows,) seconds by which the zone's wall clock is ahead."""
        return np.array(self.offsets)[np.searchsorted(self.starts, seconds, side="right")]

    def offset_nodes(self, graph: GraphBuilder, seconds: str) -> str:
        """The same as nodes: (D, rows) float64 -> (D, rows) int64."""
        starts = graph.constant(np.array(self.starts, dtype=np.float64)[:, None, None], np.float64)  # (T, 1, 1)
        passed = graph.cast(graph.add("GreaterOrEqual", seconds, starts), np.int32)  # (T, D, rows)
        count = graph.add("ReduceSum", passed, graph.constant([0], np.int64), keepdims=0)
        return graph.add("Gather", graph.constant(self.offsets, np.int64), count)


def is_zone(name: str) -> bool:
    """Whether the IANA database has a zone of that name."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown; a path; a folder of zones
        return False
    return True


@lru_cache(maxsize=16)
def _scan(name: str) -> Zone:
    """Looks at every day, and halves the days in which the offset changes down to the second."""
    zone = ZoneInfo(name)

    def offset(seconds: int) -> int:
        found = (_EPOCH + timedelta(seconds=seconds)).astimezone(zone).utcoffset()
        assert found is not None
        return found // timedelta(seconds=1)

    first, last = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (FIRST_YEAR, LAST_YEAR + 1))
    starts, offsets = [], [offset(first)]
    for day in range(first + 86_400, last + 1, 86_400):
        if (after := offset(day)) != offsets[-1]:
            low, high = day - 86_400, day
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (low, middle) if offset(middle) == after else (middle, high)
            starts.append(high)
            offsets.append(after)
    return Zone(name=name, starts=tuple(starts), offsets=tuple(offsets))
