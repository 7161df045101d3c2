"""Regression tasks: one output, standardised inside, in the target's unit outside."""

import math
from typing import Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from sklearn.metrics import r2_score
from torch import Tensor

from mtl_core.errors import DataError
from mtl_core.features.base import ColumnType, as_numbers
from mtl_core.features.moments import Moments
from mtl_core.tasks.base import FittedTask, LabelValues, Task, TaskFitter
from mtl_core.tasks.metrics import Array, Metric, RowMean, Weighted

__all__ = ["FittedRegression", "Regression"]

FLOAT32 = np.finfo(np.float32)
"""What labels are kept in."""


def _squares(labels: Array, predictions: Array) -> Array:
    return np.asarray(np.square(labels - predictions))


def _r2(labels: Array, predictions: Array, weights: Array | None) -> float:
    return float(r2_score(labels, predictions, sample_weight=weights)) if len(labels) > 1 else float("nan")


class Regression(Task):
    """A number. The loss acts on the standardised target: `squared` aims at the mean, `absolute` at the median,
    `huber` (Huber 1964) is squared within one standard deviation and absolute beyond it.
    """

    metrics: ClassVar[tuple[Metric, ...]] = (
        RowMean(name="mae", higher_is_better=False, unit="target", rows=lambda y, p: np.abs(y - p)),
        RowMean(name="rmse", higher_is_better=False, unit="target", rows=_squares, transform=math.sqrt),
        Weighted(name="r2", higher_is_better=True, function=_r2),
    )

    kind: Literal["regression"] = "regression"
    loss: Literal["squared", "absolute", "huber"] = "huber"
    unit: str = ""
    """The target's unit, for people: minutes, EUR."""

    def fitter(self, name: str, kind_of_column: ColumnType) -> "RegressionFitter":
        if kind_of_column == "string":
            raise DataError(
                f"task {name!r}: a regression needs a target of numbers, found text in {self.target!r}; "
                "declare it as kind: multiclass, or convert the column"
            )
        return RegressionFitter(self, name, kind_of_column)


class RegressionFitter(TaskFitter):
    """Mean and deviation of the target."""

    def __init__(self, options: Regression, name: str, kind_of_column: ColumnType) -> None:
        self.options, self.name, self.type = options, name, kind_of_column
        self.moments = Moments()

    def update(self, values: pa.Array) -> None:
        numbers = _numbers(self.name, self.options, values)
        self.moments.update(numbers[~np.isnan(numbers)])

    def finish(self) -> "FittedRegression":
        seen = self.moments
        if seen.deviation <= max(FLOAT32.tiny, FLOAT32.eps * max(abs(seen.low), abs(seen.high))):
            raise DataError(
                f"task {self.name!r}: a regression needs a target that varies in the training split, by more than "
                f"32-bit floats round away, found {seen.count} values with a deviation of {seen.deviation:g} in "
                f"{self.options.target!r}; check the target and the split, or give it in another unit"
            )
        return FittedRegression(
            name=self.name, type=self.type, options=self.options, mean=seen.mean, scale=seen.deviation
        )


class FittedRegression(FittedTask):
    """Labels (rows,) float32 in the target's unit, NaN where unlabelled."""

    kind: Literal["regression"] = "regression"
    options: Regression
    mean: float
    scale: float

    @property
    def declared(self) -> Regression:
        return self.options

    @property
    def outputs(self) -> int:
        return 1

    def encode(self, values: pa.Array) -> LabelValues:
        return _numbers(self.name, self.options, values).astype(np.float32)

    def labelled(self, labels: Tensor) -> Tensor:
        return ~labels.isnan()

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        known = torch.where(labels.isnan(), self.mean, labels)
        return self._distance(logits[:, 0], (known - self.mean) / self.scale)

    def distillation(self, logits: Tensor, teacher: Tensor) -> Tensor:
        return self._distance(logits[:, 0], teacher[:, 0])

    def link(self, logits: Tensor) -> Tensor:
        return logits[:, 0] * self.scale + self.mean

    def trivial(self, labels: LabelValues) -> NDArray[np.float32]:
        known = labels[~np.isnan(labels)]
        return np.asarray(known.mean() if self.options.loss == "squared" else np.median(known), dtype=np.float32)

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


def _numbers(name: str, options: Regression, values: pa.Array) -> NDArray[np.float64]:
    """(rows,) target -> float64, NaN where it is null or not finite; refuses what a label of 32 bits cannot hold."""
    numbers = as_numbers(values)
    numbers = np.where(np.isfinite(numbers), numbers, np.nan)
    if (huge := np.abs(numbers) > FLOAT32.max).any():
        raise DataError(
            f"task {name!r}: labels must fit in 32-bit floats, found {numbers[huge][0]:g} in {options.target!r}; "
            "set the row aside, or give the target in a larger unit"
        )
    return numbers
