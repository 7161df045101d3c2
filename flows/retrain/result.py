"""Result of a retrain."""

from dataclasses import dataclass
from typing import Any

from flows.retrain.compare import ChampionComparison


@dataclass(frozen=True, kw_only=True)
class StageRun:
    """A stage of a retrain."""

    name: str
    seconds: float
    processor_seconds: float
    """User and system time of the stage's process, and of DVC around it."""
    ran: bool
    """False if it was up to date."""


@dataclass(frozen=True, kw_only=True)
class RetrainResult:
    """Stages, checks, comparison and model version of a retrain."""

    stages: tuple[StageRun, ...]
    checks: tuple[dict[str, Any], ...]
    gates_off: tuple[str, ...]
    """Gates that params.yaml switches off."""
    comparison: ChampionComparison
    version: str
    promoted: bool
    """False if this version was the champion already."""
    experiment: str
    """Sentence about the DVC experiment."""
    remote: str
    """Sentence about the remote store; "" without one."""
    service: str
    """Sentence about the service."""
    other_outputs: str
    """Sentence about outputs that differ from the committed dvc.lock although no input does; "" if none do."""
