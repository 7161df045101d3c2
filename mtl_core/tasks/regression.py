"""Regression tasks: one output, standardised in the network, predicted in the target's unit."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from mtl_core.errors import DataError
from mtl_core.metrics import Metric
from mtl_core.metrics.regression import MAE, POISSON_DEVIANCE, R2, RMSE
from mtl_core.tasks.base import Codec, LabelValues
from mtl_core.tasks.numbers import NumberCodec, NumberObjective, NumberTask
from mtl_core.tasks.tree_objectives import TreeObjective, number_trees

if TYPE_CHECKING:
    from torch import Tensor

MIN_RATIO = 1e-6
"""Minimum ratio of a teacher's rate to the mean, so that logits stay finite."""
TREE_LOSSES = {"squared": "l2", "absolute": "l1", "huber": "huber", "poisson": "poisson"}
"""LightGBM's names of the losses."""


class RegressionCodec(NumberCodec):
    """Labels of a regression task."""

    kind: Literal["regression"] = "regression"


class Regression(NumberTask):
    """A number.

    The loss acts on the standardised target: `squared` predicts the mean and is measured by the RMSE, `absolute`
    predicts the median and is measured by the mean absolute error, `huber` (Huber 1964) is squared within one standard
    deviation and absolute beyond it. Predictions lie in the range of the training labels.

    `poisson` is for counts: half the Poisson deviance, which predicts the mean, above 0. It acts on the target without
    standardisation, so that large counts may need a `weight` below 1. Labels are 0 or more, and need not be whole.
    """

    codec_type = RegressionCodec
    objective_options: ClassVar[frozenset[str]] = NumberTask.objective_options | {"loss", "unit"}

    kind: Literal["regression"] = "regression"
    loss: Literal["squared", "absolute", "huber", "poisson"] = "squared"
    unit: str = ""
    """The target's unit, for people: minutes, EUR."""

    @property
    def metrics(self) -> tuple[Metric, ...]:  # type: ignore[override]  # they depend on the loss
        """Metrics that suit the loss; the first one measures what the loss optimises."""
        match self.loss:
            case "squared":
                return (RMSE, MAE, R2())
            case "poisson":
                return (POISSON_DEVIANCE, RMSE, MAE, R2())
            case _:
                return (MAE, RMSE, R2())

    def objective(self, codec: Codec) -> RegressionObjective:
        return RegressionObjective(self, codec)


class RegressionObjective(NumberObjective):
    """Logits (rows, 1): deviations from the mean; under `poisson` the logarithm of the rate over the mean."""

    options: Regression
    codec: RegressionCodec

    def __init__(self, options: Regression, codec: Codec) -> None:
        super().__init__(options, codec)
        self.is_poisson = options.loss == "poisson"
        self.check(np.array([self.codec.minimum]))

    @property
    def outputs(self) -> int:
        return 1

    def check(self, labels: LabelValues) -> None:
        if self.is_poisson and (negative := labels < 0).any():
            raise DataError(
                f"task {self.name!r}: labels under loss: poisson must be 0 or more, found {labels[negative][0]:g} in "
                f"{self.codec.target!r}; quarantine the row, or choose another loss"
            )

    def standardised(self, labels: Tensor) -> Tensor:
        if not self.is_poisson:
            return super().standardised(labels)
        return (labels.nan_to_num(self.codec.mean).double() / self.codec.mean).log()  # -inf for a count of 0

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        return self._distance(logits[:, 0], self.standardised(labels))

    def distillation(self, logits: Tensor, teacher: Tensor) -> Tensor:
        return self._distance(logits[:, 0], teacher[:, 0])

    def inverse_link(self, logits: Tensor) -> Tensor:
        if self.is_poisson:
            from mtl_core.nn.poisson import rate

            return self._in_range(rate(self.cast(logits[:, 0]) + self.constant(math.log(self.codec.mean))))
        return self._in_range(self.destandardised(logits[:, 0]))

    def to_logits(self, predictions: NDArray[Any]) -> NDArray[np.float32]:
        numbers = predictions.astype(np.float64)
        if self.is_poisson:
            return np.log(np.maximum(numbers / self.codec.mean, MIN_RATIO)).astype(np.float32)[:, None]
        return ((numbers - self.codec.mean) / self.codec.scale).astype(np.float32)[:, None]

    def baseline(self, labels: LabelValues) -> NDArray[Any]:
        known = labels[~np.isnan(labels)]
        center = np.mean if self.options.loss in ("squared", "poisson") else np.median
        return np.asarray(center(known), dtype=labels.dtype)

    def output_format(self) -> dict[str, Any]:
        return {"form": "number", "unit": self.options.unit, **self.dtype_entry}

    @property
    def tree_offset(self) -> float:
        return 0.0 if self.is_poisson else super().tree_offset  # only the logarithm of a rate can be shifted

    def tree_objectives(self, labels: LabelValues, weights: NDArray[np.float32]) -> tuple[TreeObjective, ...]:
        # Only huber reads alpha, up to which its loss is squared: one deviation, as in the task's loss.
        parameters = {"objective": TREE_LOSSES[self.options.loss], "alpha": self.codec.scale}
        return (number_trees(labels - self.tree_offset, weights, **parameters),)

    def _in_range(self, predictions: Tensor) -> Tensor:
        """Clamped to the range of the training labels, since extrapolations of a network are rarely right."""
        import torch

        bounds = (self.codec.minimum, self.codec.maximum)
        low, high = (torch.as_tensor(bound, dtype=predictions.dtype) for bound in bounds)
        return torch.minimum(torch.maximum(predictions, low), high)

    def _distance(self, outputs: Tensor, targets: Tensor) -> Tensor:
        import torch.nn.functional as F

        match self.options.loss:
            case "squared":
                return F.mse_loss(outputs, targets, reduction="none")
            case "absolute":
                return F.l1_loss(outputs, targets, reduction="none")
            case "huber":
                return F.huber_loss(outputs, targets, reduction="none")
            case "poisson":
                from mtl_core.nn.poisson import half_deviance

                shift = math.log(self.codec.mean)
                return half_deviance(self.cast(outputs) + shift, targets + shift).to(outputs.dtype)
