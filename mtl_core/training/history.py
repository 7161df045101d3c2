"""Training records, as stored in history.json."""

import math
from typing import Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from mtl_core.config.budget import Budget
from mtl_core.frozen import Frozen
from mtl_core.numbers import Number

CalibrationMethod = Literal["identity", "temperature", "temperature_and_bias", "vector"]


class TaskRelatedness(Frozen):
    """Gradient cosines and task affinities on the shared parameters: means over the measurements of an epoch.

    Pairs without a defined value are left out.
    """

    cosines: dict[str, dict[str, float]]
    """Task -> a later task -> the cosine of their gradients."""
    affinities: dict[str, dict[str, float]] = Field(default_factory=dict)
    """Source -> target -> relative decrease of the target's loss after a step for the source alone; below 0 where the
    loss rises. Empty where `training.relatedness.affinity` is not set.
    """
    measurements: int
    """Number of measurements."""


class Epoch(Frozen, allow_inf_nan=True):
    """Record of an epoch.

    `values` are the tasks' metrics on validation; `scores` are the same, oriented so that higher is better and divided
    by their standard error. Both are NaN where the metric is undefined.
    """

    number: int
    losses: dict[str, float]
    """Mean over the batches in which the task took part; NaN where it took part in none."""
    values: dict[str, float]
    scores: dict[str, float]
    stopped: tuple[str, ...]
    """Tasks that stopped at the end of this epoch."""
    resumed: tuple[str, ...] = ()
    """Tasks that train on their labels again from the next epoch on."""
    distilled: tuple[str, ...]
    """Tasks that trained on soft targets of their own best checkpoint."""
    paused: tuple[str, ...] = ()
    """Tasks that did not train: stopped, or not started."""
    relatedness: TaskRelatedness | None = None
    """None without a measurement in the epoch."""


class FinetunedHead(Frozen):
    """Result of fine-tuning a head. Values are the task's metric on validation."""

    task: str
    improved: bool
    """True if the model has the fine-tuned head, not the initial one."""
    before: float
    after: float
    """Value of the head that the model has."""
    epochs: int
    """Number of trained epochs."""


class TaskCalibration(Frozen):
    """Calibration of a task. Metrics are those on validation; None if they are undefined."""

    task: str
    method: CalibrationMethod
    """Method; for a multilabel task the one with the most parameters among its labels."""
    reason: str = ""
    """Reason for the identity; "" if another method was fitted."""
    temperatures: tuple[float, ...] = ()
    """Temperature of each output of the head; none for the identity."""
    value: Number
    """The task's metric after calibration."""
    log_loss_before: Number
    log_loss_after: Number
    ece_before: Number
    ece_after: Number


class TunedThresholds(Frozen):
    """Decision thresholds of a task, tuned on validation."""

    task: str
    thresholds: tuple[float, ...]
    """Threshold, or a threshold per label."""
    untuned: int = 0
    """Number of default thresholds: of labels with too few positive or negative rows in validation."""


class ChampionLessons(Frozen):
    """Tasks that declare the champion as their teacher."""

    champion: str | None
    """Its version; None without one."""
    taught: tuple[str, ...]
    """Tasks that learned from its predictions."""
    untaught: dict[str, str] = Field(default_factory=dict)
    """Task -> reason why it learned from its labels alone."""


class TrainingResult(Frozen, allow_inf_nan=True):
    """Result of a training."""

    budget: Budget
    epochs: tuple[Epoch, ...]
    chosen: int
    """Number of the epoch whose weights are the model."""
    standard_errors: dict[str, float]
    """Task -> standard error of its metric on validation; 1 where the metric was never defined."""
    parameters: int
    """Number of parameters of the network."""
    members: int = 1
    """Members of the ensemble within the network."""
    finetuned_heads: tuple[FinetunedHead, ...] = ()
    """The heads that were fine-tuned, in the problem's order."""
    calibrations: tuple[TaskCalibration, ...] = ()
    """Records of the tasks whose predictions are probabilities, in the problem's order."""
    thresholds: tuple[TunedThresholds, ...] = ()
    """Records of the tasks whose threshold is tuned, in the problem's order."""
    champion_teacher: ChampionLessons | None = None
    """None, and left out of the file, if no task declares the champion as its teacher."""

    @model_serializer(mode="wrap")
    def _without_absent_teacher(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        document: dict[str, Any] = handler(self)
        return {key: value for key, value in document.items() if key != "champion_teacher" or value is not None}

    @property
    def still_improving(self) -> tuple[str, ...]:
        """The tasks that were still improving when the maximum number of epochs ended training.

        They had not stopped, and their best epoch was within the patience.
        """
        if len(self.epochs) < self.budget.epochs:
            return ()
        tasks, stopped = tuple(self.epochs[0].scores), set[str]()
        for epoch in self.epochs:
            stopped = (stopped | set(epoch.stopped)) - set(epoch.resumed)
        best = {task: self.best_epoch(task) for task in tasks if task not in stopped}
        last_before_patience = len(self.epochs) - self.budget.patience
        return tuple(task for task, number in best.items() if number is not None and number > last_before_patience)

    @property
    def deficits(self) -> dict[str, float]:
        """Task -> standard errors by which the model is worse on validation than after the task's best epoch.

        Only tasks for which it is more than one.
        """
        deficits = {}
        for task, error in self.standard_errors.items():
            # A score is a value over its standard error, oriented: their signs say which way is better.
            signs = (e.scores[task] * e.values[task] for e in self.epochs if math.isfinite(e.scores[task]))
            sign = math.copysign(1, next((sign for sign in signs if sign), 1.0))
            deficits[task] = sign * (self.best(task) - self.final(task)) / error
        return {task: deficit for task, deficit in deficits.items() if deficit > 1}

    def best(self, task: str) -> float:
        """The task's metric after its best epoch; NaN where it was never defined."""
        best = self.best_epoch(task)
        return math.nan if best is None else self.epochs[best - 1].values[task]

    def final(self, task: str) -> float:
        """The task's metric of the model: after the chosen epoch, fine-tuning of its head, and calibration."""
        calibrated = [fit.value for fit in self.calibrations if fit.task == task and fit.method != "identity"]
        finetuned = [head.after for head in self.finetuned_heads if head.task == task]
        defined = [value for value in (*calibrated, *finetuned) if value is not None]
        return defined[0] if defined else self.epochs[self.chosen - 1].values[task]

    def best_epoch(self, task: str) -> int | None:
        """Number of the task's best epoch, the first of equals; None if it never had a score."""
        scored = [epoch for epoch in self.epochs if math.isfinite(epoch.scores[task])]
        return max(scored, key=lambda epoch: epoch.scores[task]).number if scored else None
