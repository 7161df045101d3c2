"""Outcome of an ingest: a value per part and per file of labels."""

from dataclasses import dataclass
from typing import Literal

PartOutcome = Literal["added", "replaced", "present", "refused"]
UpdateOutcome = Literal["updated", "unchanged", "refused"]


@dataclass(frozen=True, kw_only=True)
class PartArrival:
    """Outcome for a part file."""

    file: str
    """The file, as it was given."""
    name: str
    """Name of the part in the data; of the present part where the same bytes are there already."""
    outcome: PartOutcome
    rows: int = 0
    quarantined: int = 0
    """Number of rows that the stage `validate` will quarantine."""
    reasons: tuple[str, ...] = ()
    """Lines about the quarantined rows, one per broken expectation."""
    message: str = ""
    """Reason of a refusal; else ""."""


@dataclass(frozen=True, kw_only=True)
class LabelUpdate:
    """Outcome for a file of labels. Labels are counted per cell."""

    file: str
    """The file, as it was given."""
    outcome: UpdateOutcome
    filled: int = 0
    """Labels of rows that had none."""
    changed: int = 0
    unchanged: int = 0
    unknown: int = 0
    """Keys that no row of the data has."""
    parts: tuple[str, ...] = ()
    """Names of the rewritten parts."""
    message: str = ""
    """Reason of a refusal, or examples of unknown keys; else ""."""


@dataclass(frozen=True, kw_only=True)
class IngestResult:
    """Outcome for all files of an ingest."""

    parts: tuple[PartArrival, ...] = ()
    updates: tuple[LabelUpdate, ...] = ()
    waiting: tuple[str, ...] = ()
    """Files of the inbox that are left there, since they still change."""

    @property
    def refused(self) -> tuple[PartArrival | LabelUpdate, ...]:
        """The refused files."""
        files: list[PartArrival | LabelUpdate] = [*self.parts, *self.updates]
        return tuple(file for file in files if file.outcome == "refused")

    @property
    def changed_parts(self) -> tuple[str, ...]:
        """Distinct names of the parts that were added, replaced or rewritten, in order."""
        arrived = [part.name for part in self.parts if part.outcome in ("added", "replaced")]
        return tuple(dict.fromkeys([*arrived, *(name for update in self.updates for name in update.parts)]))
