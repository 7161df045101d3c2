"""Decision thresholds: their declaration, and the search for the best one on validation."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError, ValidatorFunctionWrapHandler, field_validator

from mtl_core.frozen import Frozen
from mtl_core.metrics import Array, Metric
from mtl_core.metrics.decisions import SCORES, Confusion
from mtl_core.tasks.base import Codec, Task
from mtl_core.tasks.calibrated import CalibratedObjective

if TYPE_CHECKING:
    from torch import Tensor

DEFAULT_THRESHOLD = 0.5
"""The threshold where none is declared, or none can be tuned."""
Share = Annotated[float, Field(gt=0, le=1)]


class Maximize(Frozen):
    """The threshold with the highest score."""

    maximize: Literal["f1", "accuracy", "balanced_accuracy"]


class MinPrecision(Frozen):
    """The threshold with the highest recall among those with this precision or more.

    If there is none, the threshold with the highest precision.
    """

    precision: Share


class MinRecall(Frozen):
    """The threshold with the highest precision among those with this recall or more."""

    recall: Share


ThresholdRule = Maximize | MinPrecision | MinRecall


class DecisionTask(Task, ABC):
    """Options of a task that decides by a threshold on a probability."""

    objective_options: ClassVar[frozenset[str]] = Task.objective_options | {"threshold"}

    threshold: Annotated[float, Field(ge=0, le=1)] | ThresholdRule | None = None
    """The probability from which on the decision is positive: a number, or a rule by which it is tuned on validation
    after calibration. Without one it is 0.5.
    """

    @field_validator("threshold", mode="wrap")
    @classmethod
    def _one_message(cls, value: object, handler: ValidatorFunctionWrapHandler) -> object:
        try:
            if isinstance(value, bool):
                raise TypeError
            return handler(value)
        except (TypeError, ValidationError):
            raise ValueError(
                f"must be a number from 0 to 1 or a rule, found {value!r:.80}; write `threshold: 0.3`, "
                "`{maximize: f1}` (or accuracy, balanced_accuracy), `{precision: 0.9}` or `{recall: 0.9}`"
            ) from None

    @property
    def rule(self) -> ThresholdRule | None:
        """The rule by which the threshold is tuned; None if it is a number."""
        return self.threshold if isinstance(self.threshold, Maximize | MinPrecision | MinRecall) else None

    @property
    def initial_threshold(self) -> float:
        """The threshold before it is tuned."""
        return self.threshold if isinstance(self.threshold, float) else DEFAULT_THRESHOLD

    @property
    def metrics(self) -> tuple[Metric, ...]:  # type: ignore[override]  # they measure at the threshold
        """The metrics at the initial threshold."""
        return self.metrics_at((self.initial_threshold,))

    @abstractmethod
    def metrics_at(self, thresholds: tuple[float, ...]) -> tuple[Metric, ...]:
        """The metrics at these thresholds: one per output, or one for all."""


class DecisionObjective(CalibratedObjective, ABC):
    """The objective of a task that decides by a threshold, with the log odds of the positive class as logits."""

    options: DecisionTask

    def __init__(self, options: DecisionTask, codec: Codec) -> None:
        super().__init__(options, codec)
        self.thresholds = (options.initial_threshold,) * self.outputs
        """Probability of each output from which on the decision is positive."""

    def with_thresholds(self, thresholds: tuple[float, ...]) -> Self:
        """The same objective with other thresholds."""
        changed = copy.copy(self)
        changed.thresholds, changed.metrics = thresholds, self.options.metrics_at(thresholds)
        return changed

    def with_class_weights(self, probabilities: NDArray[Any]) -> NDArray[np.float64]:
        return super().with_class_weights(np.stack([1.0 - probabilities, probabilities], axis=-1))[..., 1]

    def log_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        import torch.nn.functional as F

        return F.binary_cross_entropy_with_logits(logits[:, 0], labels.to(logits.dtype), reduction="none")

    def distillation(self, logits: Tensor, teacher: Tensor) -> Tensor:
        """Cross-entropy of each output, averaged over the outputs."""
        import torch.nn.functional as F

        return F.binary_cross_entropy_with_logits(logits, teacher.sigmoid(), reduction="none").mean(dim=1)


def best_threshold(rule: ThresholdRule, labels: Array, predictions: Array) -> float:
    """The best threshold by that rule for (rows,) labels 1 or 0 and (rows,) probabilities, exact in float32.

    A threshold lies halfway between two neighbouring probabilities, so that rounding moves no row across it, or at
    DEFAULT_THRESHOLD if that lies between them too. Of equally good ones the nearest to DEFAULT_THRESHOLD is taken,
    then the lower. DEFAULT_THRESHOLD where labels are of one class only, or a probability is not finite.
    """
    if len(np.unique(labels)) < 2 or not np.isfinite(predictions).all():
        return DEFAULT_THRESHOLD
    thresholds, counts = _candidates(labels, predictions)
    match rule:
        case Maximize():
            keys = [SCORES[rule.maximize](counts)]
        case MinPrecision():
            precision = np.nan_to_num(SCORES["precision"](counts), nan=-1.0)
            keys = [np.where(precision >= rule.precision, 1.0, precision - 2), SCORES["recall"](counts)]
        case MinRecall():
            recall, precision = SCORES["recall"](counts), np.nan_to_num(SCORES["precision"](counts), nan=-1.0)
            keys = [recall >= rule.recall, precision]
    distances = np.abs(thresholds - DEFAULT_THRESHOLD)
    order = np.lexsort([thresholds, distances, *(-np.asarray(key, float) for key in keys[::-1])])
    return float(str(thresholds[order[0]]))  # the shortest decimal number that rounds to that float32


def _candidates(labels: Array, predictions: Array) -> tuple[NDArray[np.float32], Confusion]:
    """Ascending thresholds, one per division of the ranked rows into negative and positive, and their confusion counts.

    No threshold is above every probability if a probability is 1.
    """
    values, indices = np.unique(predictions.astype(np.float32), return_inverse=True)
    positives, negatives = np.bincount(indices, labels == 1), np.bincount(indices, labels != 1)
    low, high = np.append(np.float32(0), values), np.append(values, np.float32(1))
    false_negatives, true_negatives = (np.append(0, np.cumsum(counts)) for counts in (positives, negatives))
    midpoints = ((low.astype(np.float64) + high) / 2).astype(np.float32)
    thresholds = np.where(
        (low < DEFAULT_THRESHOLD) & (high >= DEFAULT_THRESHOLD),
        np.float32(DEFAULT_THRESHOLD),
        np.where(midpoints > low, midpoints, high),
    )
    exists = np.append(True, values < 1)
    counts = Confusion(
        true_positives=(positives.sum() - false_negatives)[exists],
        false_positives=(negatives.sum() - true_negatives)[exists],
        false_negatives=false_negatives[exists],
        true_negatives=true_negatives[exists],
    )
    return thresholds[exists], counts
