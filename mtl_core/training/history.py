"""What a training tells: an epoch, a refitted head, the outcome. Values as the history file keeps them."""

import math
from collections.abc import Sequence
from typing import Any

from pydantic import Field

from mtl_core.frozen import Frozen

__all__ = ["Epoch", "Outcome", "Progress", "Refit", "Relations", "scores_of"]


class Relations(Frozen):
    """What the tasks' gradients on what they share had to do with each other: means over an epoch's probes. A pair that
    was never defined is left out.
    """

    cosines: dict[str, dict[str, float]]
    """Task -> a later task -> the cosine of their gradients."""
    affinities: dict[str, dict[str, float]] = Field(default_factory=dict)
    """Source -> target -> the share of its loss that the target loses by a step for the source alone; below 0 it gains.
    Empty where `training.relatedness.affinity` is not set.
    """
    probes: int


class Epoch(Frozen, allow_inf_nan=True):
    """What one epoch did. `values` are the tasks' own metrics on validation, `scores` the same, oriented so that higher
    is better and divided by their standard error; both NaN where the metric is undefined.
    """

    number: int
    losses: dict[str, float]
    """Mean over the batches in which the task took part; NaN where it took part in none."""
    values: dict[str, float]
    scores: dict[str, float]
    stopped: tuple[str, ...]
    """Tasks that stopped at the end of this epoch."""
    resumed: tuple[str, ...] = ()
    """Tasks that train again from the next epoch on."""
    held: tuple[str, ...]
    """Tasks that learned from their own best checkpoint during it."""
    resting: tuple[str, ...] = ()
    """Tasks that took no part in it: stopped, or not begun."""
    relatedness: Relations | None = None
    """None where no probe fell into it."""
    seconds: float


class Progress(Frozen, allow_inf_nan=True):
    """What a checkpoint holds beside tensors."""

    epochs: tuple[Epoch, ...] = ()
    standard_errors: dict[str, float] = Field(default_factory=dict)
    stopper: dict[str, Any] = Field(default_factory=dict)


class Refit(Frozen):
    """One head, trained again on the final trunk. Values are its task's own metric on validation."""

    task: str
    kept: bool
    """Whether the model has the refitted head; the old one otherwise."""
    before: float
    after: float
    """Of the head that the model has."""
    epochs: int
    """How many it trained."""


class Outcome(Frozen, allow_inf_nan=True):
    """A finished training."""

    epochs: tuple[Epoch, ...]
    chosen: int
    """Number of the epoch whose weights are the model."""
    standard_errors: dict[str, float]
    """Per task that of its own metric on validation; 1 where it was never defined."""
    parameters: int
    refits: tuple[Refit, ...] = ()
    """Per head that was trained again, in the problem's order."""

    def best(self, task: str) -> float:
        """The task's own metric after its best epoch; NaN where it was never defined."""
        known = [epoch for epoch in self.epochs if math.isfinite(epoch.scores[task])]
        return max(known, key=lambda epoch: epoch.scores[task]).values[task] if known else math.nan

    def final(self, task: str) -> float:
        """The task's own metric of the model: after the chosen epoch, and after its head was refitted."""
        refitted = [refit.after for refit in self.refits if refit.task == task]
        return refitted[0] if refitted else self.epochs[self.chosen - 1].values[task]


def scores_of(epochs: Sequence[Epoch]) -> list[dict[str, float]]:
    """What choosing an epoch looks at: validation scores, and nothing else."""
    return [epoch.scores for epoch in epochs]
