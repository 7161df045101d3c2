"""Multiclass tasks: a logit per class, cross-entropy, a probability per class."""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from mtl_core.arrow import ColumnType
from mtl_core.tasks.class_weights import weighed
from mtl_core.tasks.classes import ACCURACY, LEAST_CHANCE, LOG_LOSS, ClassTask, FittedClasses
from mtl_core.tasks.metrics import Array, Metric, Value

__all__ = ["FittedMulticlass", "MacroF1", "Multiclass"]


@dataclass(frozen=True, kw_only=True)
class MacroF1(Metric):
    """The mean of the classes' F1, over those that occur or are chosen; a class of which no row has weight does not."""

    def on(self, labels: Array, predictions: Array) -> Value:
        chosen, classes = predictions.argmax(axis=1), predictions.shape[1]
        hit = labels == chosen

        def value(weights: Array | None) -> float:
            each = np.ones(len(labels)) if weights is None else weights
            hits = np.bincount(labels[hit], each[hit], minlength=classes)
            both = np.bincount(labels, each, minlength=classes) + np.bincount(chosen, each, minlength=classes)
            return float((2 * hits[both > 0] / both[both > 0]).mean()) if both.any() else float("nan")

        return value


class Multiclass(ClassTask):
    """One of several classes: the values of the target, or the bands that `edges` cut a number into.

    The names are learned from the training split where neither `classes` nor `edges` are given.
    """

    metrics: ClassVar[tuple[Metric, ...]] = (
        LOG_LOSS,
        ACCURACY,
        MacroF1(name="macro_f1", higher_is_better=True),
    )

    objective_options: ClassVar[frozenset[str]] = ClassTask.objective_options | {"label_smoothing"}

    kind: Literal["multiclass"] = "multiclass"
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """The share of a label that is spread evenly over all classes (Szegedy 2016, section 7)."""

    def fitted(
        self, name: str, kind_of_column: ColumnType, classes: tuple[str, ...], class_factors: tuple[float, ...] = ()
    ) -> "FittedMulticlass":
        return FittedMulticlass(
            name=name, type=kind_of_column, options=self, classes=classes, class_factors=class_factors
        )


class FittedMulticlass(FittedClasses):
    """Logits (rows, classes)."""

    kind: Literal["multiclass"] = "multiclass"
    options: Multiclass

    @property
    def declared(self) -> Multiclass:
        return self.options

    @property
    def outputs(self) -> int:
        return len(self.classes)

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """A class's factor is the whole row's, so that twice the factor is twice the rows; torch's own class weights
        would weigh the smoothed share by the other classes' factors.
        """
        known = labels.clamp(min=0).long()
        losses = F.cross_entropy(logits, known, reduction="none", label_smoothing=self.options.label_smoothing)
        return weighed(losses, known, self.class_factors)

    def distillation(self, logits: Tensor, teacher: Tensor) -> Tensor:
        return F.cross_entropy(logits, teacher.softmax(dim=1), reduction="none")

    def link(self, logits: Tensor) -> Tensor:
        return torch.softmax(logits, dim=1)

    def unlink(self, predictions: NDArray[Any]) -> NDArray[np.float32]:
        return np.log(np.clip(predictions.astype(np.float64), LEAST_CHANCE, 1)).astype(np.float32)
