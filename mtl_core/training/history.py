"""Training records, as stored in history.json."""

import math
from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from mtl_core.config.budget import Budget
from mtl_core.frozen import Frozen
from mtl_core.numbers import Number

CalibrationMethod = Literal["identity", "temperature", "temperature_and_bias", "vector"]


class Relations(Frozen):
    """Gradient cosines and task affinities on the shared parameters: means over the measurements of an epoch.

    A pair that was never defined is left out.
    """

    cosines: dict[str, dict[str, float]]
    """Task -> a later task -> the cosine of their gradients."""
    affinities: dict[str, dict[str, float]] = Field(default_factory=dict)
    """Source -> target -> the share of its loss that the target loses by a step for the source alone; below 0 it gains.
    Empty where `training.relatedness.affinity` is not set.
    """
    probes: int


class Epoch(Frozen, allow_inf_nan=True, populate_by_name=True, serialize_by_alias=True):
    """Record of an epoch.

    `values` are the tasks' own metrics on validation; `scores` are the same, oriented so that higher is better and
    divided by their standard error. Both are NaN where the metric is undefined.
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
    distilled: tuple[str, ...] = Field(alias="held")
    """Tasks that were distilled from their own best checkpoint during it."""
    paused: tuple[str, ...] = Field(default=(), alias="resting")
    """Tasks that were paused during it: stopped, or not started."""
    relatedness: Relations | None = None
    """None where no measurement fell into it."""


class FinetunedHead(Frozen):
    """Result of fine-tuning a head. Values are its task's own metric on validation."""

    task: str
    kept: bool
    """True where the model has the fine-tuned head, not the initial one."""
    before: float
    after: float
    """Value of the head that the model has."""
    epochs: int
    """Number of trained epochs."""


class TaskCalibration(Frozen):
    """Calibration of a task. Log loss and ECE are those on validation, None where they are undefined."""

    task: str
    method: CalibrationMethod
    """Method of the calibration; of a multilabel task that of the label with the most parameters."""
    reason: str = ""
    """Reason why it is the identity; "" where it is not."""
    temperatures: tuple[float, ...] = ()
    """Temperature of each output of the head; none for the identity."""
    value: Number
    """The task's own metric after it."""
    log_loss_before: Number
    log_loss_after: Number
    ece_before: Number
    ece_after: Number


class TunedThresholds(Frozen):
    """Decision thresholds that were tuned on validation."""

    task: str
    thresholds: tuple[float, ...]
    """A single threshold, or one per label."""
    untuned: int = 0
    """Number of them that have the default, since validation has too few rows of yes or of no."""


class TrainingResult(Frozen, allow_inf_nan=True):
    """Result of a training."""

    budget: Budget
    epochs: tuple[Epoch, ...]
    chosen: int
    """Number of the epoch whose weights are the model."""
    standard_errors: dict[str, float]
    """Task -> standard error of its own metric on validation; 1 where the metric was never defined."""
    parameters: int
    members: int = 1
    """Members of the ensemble within the network."""
    refits: tuple[FinetunedHead, ...] = ()
    """The heads that were fine-tuned, in the problem's order."""
    calibrations: tuple[TaskCalibration, ...] = ()
    """Records of the tasks whose predictions are probabilities, in the problem's order."""
    thresholds: tuple[TunedThresholds, ...] = ()
    """Records of the tasks whose threshold is tuned, in the problem's order."""

    @property
    def cut_short(self) -> tuple[str, ...]:
        """The tasks that were still improving when the maximum number of epochs ended training.

        They had not stopped, and had improved within the patience.
        """
        if len(self.epochs) < self.budget.epochs:
            return ()
        training = dict.fromkeys(self.epochs[0].scores)
        for epoch in self.epochs:
            training = {task: None for task in training if task not in epoch.stopped} | dict.fromkeys(epoch.resumed)
        best = {task: self.best_epoch(task) for task in self.epochs[0].scores if task in training}
        recent = len(self.epochs) - self.budget.patience
        return tuple(task for task, number in best.items() if number is not None and number > recent)

    @property
    def behind(self) -> dict[str, float]:
        """Task -> standard errors by which the model is worse on validation than after the task's own best epoch.

        Only tasks for which it is more than one.
        """
        found = {}
        for task, error in self.standard_errors.items():
            # A score is a value over its standard error, oriented: their signs say which way is better.
            signs = (e.scores[task] * e.values[task] for e in self.epochs if math.isfinite(e.scores[task]))
            sign = math.copysign(1, next((sign for sign in signs if sign), 1.0))
            found[task] = sign * (self.best(task) - self.final(task)) / error
        return {task: deficit for task, deficit in found.items() if deficit > 1}

    def best(self, task: str) -> float:
        """The task's own metric after its best epoch; NaN where it was never defined."""
        best = self.best_epoch(task)
        return math.nan if best is None else self.epochs[best - 1].values[task]

    def final(self, task: str) -> float:
        """The task's own metric of the model: after the chosen epoch, fine-tuning of its head, and calibration."""
        calibrated = [found.value for found in self.calibrations if found.task == task and found.method != "identity"]
        finetuned = [head.after for head in self.refits if head.task == task]
        known = [value for value in (*calibrated, *finetuned) if value is not None]
        return known[0] if known else self.epochs[self.chosen - 1].values[task]

    def best_epoch(self, task: str) -> int | None:
        """Number of the task's best epoch, the first of equals; None where it never had a score."""
        known = [epoch for epoch in self.epochs if math.isfinite(epoch.scores[task])]
        return max(known, key=lambda epoch: epoch.scores[task]).number if known else None


def scores_of(epochs: Sequence[Epoch]) -> list[dict[str, float]]:
    """The validation scores of each epoch: all that an epoch is chosen by."""
    return [epoch.scores for epoch in epochs]
