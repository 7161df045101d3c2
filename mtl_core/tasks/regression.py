"""Regression tasks: one output, standardised inside, in the target's unit outside."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from mtl_core.arrow import ColumnType
from mtl_core.errors import DataError
from mtl_core.tasks.base import LabelValues
from mtl_core.tasks.metrics import Array, Metric, RowMean, Value
from mtl_core.tasks.numbers import FittedNumber, NumberTask
from mtl_core.tasks.poisson import DEVIANCE, half_deviance, rate

__all__ = ["R2", "FittedRegression", "Regression"]

LEAST_SHARE = 1e-6
"""A teacher's rate below that share of the mean, or none at all, counts as this: logits stay finite."""


def _squares(labels: Array, predictions: Array) -> Array:
    return np.asarray(np.square(labels - predictions))


@dataclass(frozen=True, kw_only=True)
class R2(Metric):
    """The share of the labels' variance that is explained; where there is none 1 for what is exact, else 0. Undefined
    for a single row.
    """

    def on(self, labels: Array, predictions: Array) -> Value:
        labels, squares = labels.astype(np.float64), np.square(labels.astype(np.float64) - predictions)

        def value(weights: Array | None) -> float:
            if len(labels) < 2:
                return float("nan")
            each = np.ones(len(labels)) if weights is None else weights
            left, whole = (each * squares).sum(), (each * np.square(labels - np.average(labels, weights=each))).sum()
            return float(1 - left / whole) if whole > 0 else float(left == 0)

        return value


METRICS = (
    RowMean(name="mae", higher_is_better=False, unit="target", rows=lambda y, p: np.abs(y - p)),
    RowMean(name="rmse", higher_is_better=False, unit="target", rows=_squares, transform=math.sqrt),
    R2(name="r2", higher_is_better=True),
)


class Regression(NumberTask):
    """A number. The loss acts on the standardised target: `squared` aims at the mean, `absolute` at the median,
    `huber` (Huber 1964) is squared within one standard deviation and absolute beyond it.

    `poisson` is for counts: half the Poisson deviance, which aims at the mean, with predictions above 0. It acts on the
    target as it is, so that large counts may want a `weight` below 1. Labels are 0 or more, and need not be whole.
    """

    objective_options: ClassVar[frozenset[str]] = NumberTask.objective_options | {"loss", "unit"}

    kind: Literal["regression"] = "regression"
    loss: Literal["squared", "absolute", "huber", "poisson"] = "huber"
    unit: str = ""
    """The target's unit, for people: minutes, EUR."""

    @property
    def metrics(self) -> tuple[Metric, ...]:  # type: ignore[override]  # what they are depends on the loss
        return (*METRICS, DEVIANCE) if self.loss == "poisson" else METRICS

    def fitted(self, name: str, kind_of_column: ColumnType, mean: float, scale: float) -> "FittedRegression":
        return FittedRegression(name=name, type=kind_of_column, options=self, mean=mean, scale=scale)

    def numbers(self, name: str, values: pa.Array) -> NDArray[np.float64]:
        numbers = super().numbers(name, values)
        if self.loss == "poisson" and (negative := numbers < 0).any():
            raise DataError(
                f"task {name!r}: labels under loss: poisson must be 0 or more, found {numbers[negative][0]:g} in "
                f"{self.target!r}; set the row aside, or choose another loss"
            )
        return numbers


class FittedRegression(FittedNumber):
    """Logits (rows, 1): deviations from the mean; under `poisson` the logarithm of the rate over the mean."""

    kind: Literal["regression"] = "regression"
    options: Regression

    @property
    def declared(self) -> Regression:
        return self.options

    @property
    def outputs(self) -> int:
        return 1

    def standardised(self, labels: Tensor) -> Tensor:
        if self.options.loss != "poisson":
            return super().standardised(labels)
        return (labels.nan_to_num(self.mean).double() / self.mean).log()  # -inf for a count of 0

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        return self._distance(logits[:, 0], self.standardised(labels))

    def distillation(self, logits: Tensor, teacher: Tensor) -> Tensor:
        return self._distance(logits[:, 0], teacher[:, 0])

    def link(self, logits: Tensor) -> Tensor:
        if self.options.loss == "poisson":
            return rate(logits[:, 0] + math.log(self.mean))
        return logits[:, 0] * self.scale + self.mean

    def unlink(self, predictions: NDArray[Any]) -> NDArray[np.float32]:
        numbers = predictions.astype(np.float64)
        if self.options.loss == "poisson":
            return np.log(np.maximum(numbers / self.mean, LEAST_SHARE)).astype(np.float32)[:, None]
        return ((numbers - self.mean) / self.scale).astype(np.float32)[:, None]

    def trivial(self, labels: LabelValues) -> NDArray[np.float32]:
        known = labels[~np.isnan(labels)]
        at_mean = self.options.loss in ("squared", "poisson")
        return np.asarray(known.mean() if at_mean else np.median(known), dtype=np.float32)

    def signature(self) -> dict[str, Any]:
        return {"name": self.name, "kind": self.kind, "form": "number", "unit": self.options.unit}

    def _distance(self, outputs: Tensor, targets: Tensor) -> Tensor:
        match self.options.loss:
            case "squared":
                return F.mse_loss(outputs, targets, reduction="none")
            case "absolute":
                return F.l1_loss(outputs, targets, reduction="none")
            case "huber":
                return F.huber_loss(outputs, targets, reduction="none")
            case "poisson":
                return half_deviance(outputs + math.log(self.mean), targets + math.log(self.mean))
