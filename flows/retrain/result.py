"""Result of a retrain."""

from dataclasses import dataclass
from typing import Any

from flows.retrain.compare import ChampionComparison
from flows.retrain.decision import Decision


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
    decision: Decision
    """The outcome of the comparison, and the reasons."""
    promoted: bool
    """True if this run made the version the champion: not if it is the champion already, is kept or waits."""
    waiting: str
    """Sentence on how to approve a version that waits for it; "" if it does not wait."""
    experiment: str
    """Sentence about the DVC experiment."""
    remote: str
    """Sentence about the remote store; "" without one."""
    service: str
    """Sentence about the service."""
    deleted: tuple[str, ...]
    """Versions that the limits of `store` in params.yaml removed."""
    other_outputs: str
    """Sentence about outputs that differ from the committed dvc.lock although no input does; "" if none do."""
