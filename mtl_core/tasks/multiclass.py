"""Multiclass tasks: a logit per class, cross-entropy, a probability per class."""

from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from pydantic import Field
from sklearn.metrics import f1_score
from torch import Tensor

from mtl_core.features.base import ColumnType
from mtl_core.tasks.class_weights import weighed
from mtl_core.tasks.classes import ACCURACY, LEAST_CHANCE, LOG_LOSS, ClassTask, FittedClasses
from mtl_core.tasks.metrics import Array, Metric, Weighted

__all__ = ["FittedMulticlass", "Multiclass"]


def _macro_f1(labels: Array, predictions: Array, weights: Array | None) -> float:
    chosen = predictions.argmax(axis=1)
    if weights is not None:
        # A class of which no row has weight is absent; scikit-learn would count its F1 as 0.
        labels, chosen, weights = labels[weights > 0], chosen[weights > 0], weights[weights > 0]
    return float(f1_score(labels, chosen, average="macro", sample_weight=weights, zero_division=0.0))


class Multiclass(ClassTask):
    """One of several classes: the values of the target, or the bands that `edges` cut a number into.

    The names are learned from the training split where neither `classes` nor `edges` are given.
    """

    metrics: ClassVar[tuple[Metric, ...]] = (
        LOG_LOSS,
        ACCURACY,
        Weighted(name="macro_f1", higher_is_better=True, function=_macro_f1),
    )

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
