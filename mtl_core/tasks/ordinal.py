"""Ordinal tasks: one score against rising thresholds, a probability per class (McCullagh 1980, section 2).

The proportional odds model: the log odds of being above class k are `eta - theta_k`, with one `eta` per row and the
same rising thresholds `theta` for all rows. We write it for "above", McCullagh for "at most", hence the other sign; and
`eta` is a head's output instead of a linear predictor.
"""

from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from pydantic import model_validator
from torch import Tensor, nn

from mtl_core.arrow import ColumnType
from mtl_core.tasks.class_weights import weighed
from mtl_core.tasks.classes import ACCURACY, LEAST_CHANCE, LOG_LOSS, ClassTask, FittedClasses
from mtl_core.tasks.metrics import Array, Metric, RowMean, Weighted
from mtl_core.tasks.rising import rise, unrise

__all__ = ["FittedOrdinal", "Ordinal"]

LEAST_RISE = 1e-4
"""From a threshold to the next: far above what float32 rounds away, and still a class of 1 in 40,000 fits between."""
LEAST_DIFFERENCE = 1e-7
"""Logits of a teacher may touch; they count as this far apart."""


def _ranked_probability(labels: Array, predictions: Array) -> Array:
    at_most = predictions.astype(np.float64).cumsum(axis=1)[:, :-1]  # (rows, classes - 1)
    happened = np.arange(at_most.shape[1]) >= labels[:, None]
    return np.asarray(np.square(at_most - happened).mean(axis=1))


def _steps_off(labels: Array, predictions: Array) -> Array:
    return np.asarray(np.abs(predictions.argmax(axis=1) - labels.astype(np.int64)))


def _weighted_kappa(labels: Array, predictions: Array, weights: Array | None) -> float:
    """With quadratic weights the disagreement expected by chance has a closed form in means and variances."""
    known, chosen = labels.astype(np.float64), predictions.argmax(axis=1).astype(np.float64)
    if weights is not None:
        known, chosen, weights = known[weights > 0], chosen[weights > 0], weights[weights > 0]
    if len(np.union1d(known, chosen)) < 2:
        return float("nan")  # one class and nothing else: chance cannot disagree
    means = [np.average(values, weights=weights) for values in (known, chosen)]
    spread = np.average(np.square(known - means[0]) + np.square(chosen - means[1]), weights=weights)
    apart = np.average(np.square(known - chosen), weights=weights)
    return float(1 - apart / (spread + np.square(means[0] - means[1])))


class Ordinal(ClassTask):
    """One of several classes in rising order: the values that `classes` lists, or the bands that `edges` cut.

    The ranked probability score (Epstein 1969), here divided by the number of thresholds so that it lies between 0 and
    1, comes first: it is proper like the log loss, but a miss by one class costs less than a miss by three, and no
    single row that was too sure of itself decides when to stop. `weighted_kappa` has quadratic weights (Cohen 1968).
    """

    metrics: ClassVar[tuple[Metric, ...]] = (
        RowMean(name="ranked_probability_score", higher_is_better=False, rows=_ranked_probability),
        LOG_LOSS,
        ACCURACY,
        RowMean(name="mae", higher_is_better=False, unit="steps", rows=_steps_off),
        Weighted(name="weighted_kappa", higher_is_better=True, function=_weighted_kappa),
    )

    kind: Literal["ordinal"] = "ordinal"

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.classes:
            raise ValueError("an ordinal task needs `classes` in rising order, found none; list them, lowest first")
        return self

    def fitted(
        self, name: str, kind_of_column: ColumnType, classes: tuple[str, ...], class_factors: tuple[float, ...] = ()
    ) -> "FittedOrdinal":
        return FittedOrdinal(name=name, type=kind_of_column, options=self, classes=classes, class_factors=class_factors)


class Thresholds(nn.Module):
    """(..., width) -> (..., thresholds) logits that fall strictly, `eta - theta_k`.

    At first `theta` gives every class the same probability where `eta` is 0. `eta` has no bias: the thresholds are one.
    """

    def __init__(self, width: int, thresholds: int) -> None:
        super().__init__()
        self.score = nn.Linear(width, 1, bias=False)
        at_most = np.arange(1, thresholds + 1) / (thresholds + 1)
        free = unrise(np.log(at_most / (1 - at_most)) - LEAST_RISE * np.arange(thresholds))
        self.free = nn.Parameter(torch.from_numpy(free).float())

    def forward(self, x: Tensor) -> Tensor:  # (..., width) -> (..., thresholds)
        least = LEAST_RISE * torch.arange(len(self.free), device=x.device)
        logits: Tensor = self.score(x) - (rise(self.free) + least)
        return logits


class FittedOrdinal(FittedClasses):
    """Logits (rows, classes - 1): the log odds of being above each class but the last. They fall from left to right."""

    kind: Literal["ordinal"] = "ordinal"
    options: Ordinal

    @property
    def declared(self) -> Ordinal:
        return self.options

    @property
    def outputs(self) -> int:
        return len(self.classes) - 1

    def last_layer(self, width: int) -> nn.Module:
        return Thresholds(width, self.outputs)

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        known = labels.clamp(min=0).long()
        return weighed(F.nll_loss(log_probabilities(logits), known, reduction="none"), known, self.class_factors)

    def distillation(self, logits: Tensor, teacher: Tensor) -> Tensor:
        return -(log_probabilities(teacher).exp() * log_probabilities(logits)).sum(dim=1)

    def link(self, logits: Tensor) -> Tensor:
        return log_probabilities(logits).exp()

    def unlink(self, predictions: NDArray[Any]) -> NDArray[np.float32]:
        chances = np.clip(predictions.astype(np.float64), LEAST_CHANCE, 1)
        at_most = chances.cumsum(axis=1)[:, :-1]
        above = chances[:, ::-1].cumsum(axis=1)[:, -2::-1]  # from its own end: 1 less the other sum would cancel
        return np.asarray(np.log(above / at_most), dtype=np.float32)


def log_probabilities(logits: Tensor) -> Tensor:
    """(B, classes - 1) falling logits -> (B, classes) logarithms of probabilities.

    A class in the middle has sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a)), with a and b the
    logits at its two sides: a product, which has a logarithm where the difference has long been rounded to 0.
    """
    above, below = logits[:, :-1], logits[:, 1:]
    apart = (above - below).clamp(min=LEAST_DIFFERENCE)
    middle = F.logsigmoid(above) + F.logsigmoid(-below) + (-torch.expm1(-apart)).log()
    return torch.cat([F.logsigmoid(-logits[:, :1]), middle, F.logsigmoid(logits[:, -1:])], dim=1)
