"""Fitting of a datetime feature."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from mtl_core.errors import DataError
from mtl_core.features.base import FeatureFitter
from mtl_core.features.calendar import CYCLES, CalendarPart, Timestamps, cycle_of, part_table
from mtl_core.features.fitted_datetime import FittedDatetime
from mtl_core.features.iso import first_text, is_iso_timestamp, read_seconds
from mtl_core.features.running_stats import RunningStats
from mtl_core.features.zones import read_zone

if TYPE_CHECKING:
    from mtl_core.features.datetime import Datetime

DEFAULT_CYCLIC: tuple[CalendarPart, ...] = ("hour", "weekday", "dayofyear")


class DatetimeFitter(FeatureFitter):
    """Statistics of the seconds, the positions in each cycle that occur, and the count of missing timestamps."""

    def __init__(self, options: Datetime, name: str, column: str, zoned: bool | None) -> None:
        """zoned: None for text, where the first value decides."""
        self.options, self.name, self.column, self.zoned = options, name, column, zoned
        self.zone = read_zone(options.timezone) if options.timezone else None
        self.stats, self.missing = RunningStats(), 0
        self.seen = {cycle: np.zeros(size, dtype=np.bool_) for cycle, size in CYCLES.items()}

    def update(self, values: pa.Array) -> None:
        if self.zoned is None and (first := first_text(values)) is not None:
            self.zoned = bool(is_iso_timestamp(pa.array([first]), zoned=True)[0])
            if not self.zoned:
                self.options.check_no_timezone(self.name, self.column, f"text such as {first!r}")
        seconds = read_seconds(values, self.name, self.column, zoned=bool(self.zoned))
        finite = seconds[np.isfinite(seconds)]
        self.missing += seconds.size - finite.size
        self.stats.update(finite)
        for cycle, position in Timestamps.from_seconds(finite, self.zone).positions.items():
            self.seen[cycle][position] = True

    def finish(self) -> FittedDatetime:
        if not self.stats.count:
            raise DataError(
                f"feature {self.name!r}: column {self.column!r} holds no date or time in the training split; leave the "
                "feature out, or check the split"
            )
        cyclic = self.options.cyclic
        if cyclic is None:
            cyclic = tuple(part for part in DEFAULT_CYCLIC if self._varies(part))
        if not (cyclic or self.options.categorical or self.options.elapsed):
            raise DataError(
                f"feature {self.name!r}: a part of column {self.column!r} must vary in the training split, found the "
                f"same {', '.join(DEFAULT_CYCLIC)} in all rows; set elapsed: true, or name other parts in cyclic"
            )
        return FittedDatetime(
            name=self.name,
            column=self.column,
            zoned=bool(self.zoned),
            zone=self.zone,
            cyclic=cyclic,
            categorical=self.options.categorical,
            elapsed=self.options.elapsed,
            mean=self.stats.mean,
            deviation=self.stats.deviation or 1.0,
            low=self.stats.low,
            high=self.stats.high,
            flag_missing=self.missing > 0,
        )

    def _varies(self, part: CalendarPart) -> bool:
        return len(np.unique(part_table(part)[self.seen[cycle_of(part)]])) > 1
