"""What a retrain came to."""

from dataclasses import dataclass
from typing import Any

from flows.compare import Comparison

__all__ = ["Retrained", "StageRun"]


@dataclass(frozen=True, kw_only=True)
class StageRun:
    """One stage's turn: how long it took, and whether it had to run."""

    name: str
    seconds: float
    ran: bool


@dataclass(frozen=True, kw_only=True)
class Retrained:
    """What a whole run came to."""

    stages: tuple[StageRun, ...]
    checks: tuple[dict[str, Any], ...]
    comparison: Comparison
    version: str
    promoted: bool
    """False where this version was the champion already."""
    recorded: str
    told: str
