"""Result of `mtl add-task`."""

from dataclasses import dataclass
from typing import Any

from mtl_core.evaluation import Difference


@dataclass(frozen=True, kw_only=True)
class TaskMetric:
    """A metric of the added task on the test rows, its 95% interval, and the baseline's value."""

    name: str
    value: float | None
    low: float | None
    high: float | None
    baseline: float | None


@dataclass(frozen=True, kw_only=True)
class AddedTask:
    """The version with the added task, its measurements, and what stayed the same."""

    task: str
    version: str
    champion: str
    """The champion that the task was added to."""
    promoted: bool
    """False if the version waits for `mtl approve`."""
    adapter: bool
    width: int
    """Numbers per row that the head reads."""
    parameters: int
    """Trained parameters."""
    epochs: int
    metrics: tuple[TaskMetric, ...]
    checks: tuple[dict[str, Any], ...]
    unchanged: tuple[str, ...]
    """The outputs that equal the champion's to the bit."""
    compared_rows: int
    """Test rows and adversarial rows on which they were compared."""
    full_retrain: Difference | None
    """The task's metric in a full retrain (reference) and here (candidate), on the same test rows; None if none."""
    full_retrain_note: str
    """Reason why there is no full retrain to compare with; "" if there is one."""
