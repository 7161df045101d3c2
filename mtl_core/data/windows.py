"""Windows of a split by time, with durations resolved; and what `prepare` records of a split."""

from dataclasses import dataclass

from mtl_core.config import Boundary, ColumnSplit, HashSplit, TimeSplit
from mtl_core.frozen import Frozen

SPLIT = "split.json"
"""File of the encoded splits: a `SplitSummary`."""


class Window(Frozen):
    """The times of a split, `start` <= time < `end`; None where it is not bounded."""

    start: str | None
    end: str | None

    def __str__(self) -> str:
        start = f"from {self.start}" if self.start else ""
        return f"{start} to before {self.end}".strip() if self.end else start


class SplitSummary(Frozen):
    """Rows per split, and the windows of a split by time."""

    rows: dict[str, int]
    left_out: int
    """Rows before the training window, which belong to no split."""
    windows: dict[str, Window]
    """Split -> window; empty for a split that is not by time."""


def left_out_message(rows: int) -> str:
    """The count of rows that are left out, as text."""
    return f"rows before the training window: {rows:,}"


@dataclass(frozen=True, kw_only=True)
class TimeWindows:
    """The resolved split by time: the first value of each split, as params.yaml could declare it."""

    column: str
    train: Boundary | None = None
    """None if all rows before `validation` train."""
    validation: Boundary
    test: Boundary
    end: str | None = None
    """End of the day or hour of the newest row, from which durations are counted back; None for declared boundaries."""

    @property
    def windows(self) -> dict[str, Window]:
        """Split -> window."""
        train, validation, test = (None if s is None else str(s) for s in (self.train, self.validation, self.test))
        return {
            "train": Window(start=train, end=validation),
            "validation": Window(start=validation, end=test),
            "test": Window(start=test, end=self.end),
        }


ResolvedSplit = TimeWindows | HashSplit | ColumnSplit
"""A split whose rows follow from their values alone: durations are resolved."""


def declared_windows(split: TimeSplit) -> TimeWindows:
    """The windows of a split whose boundaries are declared."""
    return TimeWindows(column=split.column, train=split.train, validation=split.validation, test=split.test)


def windows_of(split: ResolvedSplit) -> dict[str, Window]:
    """Split -> window; empty for a split that is not by time."""
    return split.windows if isinstance(split, TimeWindows) else {}
