"""Ordinal tasks: the proportional odds model, a probability per class (McCullagh 1980, section 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from mtl_core.metrics import Metric
from mtl_core.metrics.calibration import TOP_LABEL_ECE
from mtl_core.metrics.classification import ACCURACY, LOG_LOSS
from mtl_core.metrics.ordinal import RANKED_PROBABILITY_SCORE, STEPS_MAE, WeightedKappa
from mtl_core.tasks.base import Codec
from mtl_core.tasks.class_weights import weigh
from mtl_core.tasks.classes import ClassCodec, ClassObjective, ClassTask
from mtl_core.tasks.probabilities import MIN_PROBABILITY

if TYPE_CHECKING:
    from torch import Tensor, nn


class OrdinalCodec(ClassCodec):
    """Labels of an ordinal task."""

    kind: Literal["ordinal"] = "ordinal"


class Ordinal(ClassTask):
    """A class out of several in rising order: the values that `classes` lists, or the bands that `edges` cut.

    The ranked probability score (Epstein 1969), here divided by the number of thresholds so that it lies between 0 and
    1, comes first: it is proper like the log loss, but an error of one class costs less than an error of three, and no
    single overconfident row decides when to stop. `weighted_kappa` has quadratic weights (Cohen 1968).
    """

    codec_type = OrdinalCodec
    metrics: ClassVar[tuple[Metric, ...]] = (
        RANKED_PROBABILITY_SCORE,
        LOG_LOSS,
        ACCURACY,
        STEPS_MAE,
        WeightedKappa(),
        TOP_LABEL_ECE,
    )

    kind: Literal["ordinal"] = "ordinal"

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.classes:
            raise ValueError("an ordinal task needs `classes` in rising order, found none; list them, lowest first")
        return self

    def objective(self, codec: Codec) -> OrdinalObjective:
        return OrdinalObjective(self, codec)


class OrdinalObjective(ClassObjective):
    """Logits (rows, classes - 1): the log odds of being above each class but the last, falling from left to right."""

    options: Ordinal

    @property
    def outputs(self) -> int:
        return len(self.codec.classes) - 1

    def head_layer(self, width: int) -> nn.Module:
        from mtl_core.nn.ordinal import OrdinalThresholds

        return OrdinalThresholds(width, self.prior.cumsum()[:-1])

    def log_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        import torch.nn.functional as F

        return F.nll_loss(self._log_probabilities(logits), labels, reduction="none")

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        classes = labels.clamp(min=0).long()
        return weigh(self.log_loss(logits, classes), classes, self.class_factors)

    def distillation(self, logits: Tensor, teacher: Tensor) -> Tensor:
        return -(self._log_probabilities(teacher).exp() * self._log_probabilities(logits)).sum(dim=1)

    def inverse_link(self, logits: Tensor) -> Tensor:
        return self._log_probabilities(logits).exp()

    def _log_probabilities(self, logits: Tensor) -> Tensor:
        from mtl_core.nn.ordinal import log_probabilities

        return log_probabilities(logits)

    def to_logits(self, predictions: NDArray[Any]) -> NDArray[np.float32]:
        probabilities = np.clip(predictions.astype(np.float64), MIN_PROBABILITY, 1)
        at_most = probabilities.cumsum(axis=1)[:, :-1]
        above = probabilities[:, ::-1].cumsum(axis=1)[:, -2::-1]  # summed from the other end: 1 - at_most cancels
        return np.asarray(np.log(above / at_most), dtype=np.float32)
