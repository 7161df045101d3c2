"""Binary tasks: one logit, cross-entropy, a probability."""

from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from pydantic import Field, model_validator
from torch import Tensor

from mtl_core.arrow import ColumnType, as_numbers, as_strings
from mtl_core.errors import DataError
from mtl_core.tasks.base import FittedTask, LabelValues, Task, TaskFitter
from mtl_core.tasks.class_weights import BALANCED, PositiveWeight, balanced_factors, weighed
from mtl_core.tasks.metrics import Array, Metric, RowMean
from mtl_core.tasks.metrics_of_ranks import Auc, AveragePrecision

__all__ = ["Binary", "FittedBinary"]

UNLABELLED = -1
LEAST_CHANCE = 1e-6
"""A teacher that is surer than that counts as this sure: logits stay finite."""


def _log_loss(labels: Array, predictions: Array) -> Array:
    chance = np.where(labels == 1, predictions, 1 - predictions.astype(np.float64))
    return np.asarray(-np.log(np.clip(chance, np.finfo(np.float32).eps, 1)))


class Binary(Task):
    """Yes or no. The target is a boolean, 0 or 1; or `positive` or `at_least` says what counts as yes."""

    metrics: ClassVar[tuple[Metric, ...]] = (
        Auc(name="auc", higher_is_better=True),
        RowMean(name="log_loss", higher_is_better=False, rows=_log_loss),
        AveragePrecision(name="average_precision", higher_is_better=True),
        RowMean(name="brier", higher_is_better=False, rows=lambda y, p: np.square(p - y)),
    )

    objective_options: ClassVar[frozenset[str]] = Task.objective_options | {"positive_weight", "label_smoothing"}

    kind: Literal["binary"] = "binary"
    positive: str | bool | float | None = None
    """Yes where the target equals this."""
    at_least: float | None = None
    """Yes where the target is this or more."""
    positive_weight: PositiveWeight = None
    """How much a yes counts in the loss where a no counts 1; `balanced` gives both the same say.

    Probabilities are bent by it, see `mtl_core.tasks.class_weights`; metrics are not weighted.
    """
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """The share of a label that is spread evenly over yes and no (Szegedy 2016, section 7)."""

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        if self.positive is not None and self.at_least is not None:
            raise ValueError("give `positive` or `at_least`, not both")
        return self

    def fitter(self, name: str, kind_of_column: ColumnType) -> "BinaryFitter":
        if kind_of_column == "string" and not isinstance(self.positive, str):
            raise DataError(
                f"task {name!r}: the target {self.target!r} is text; say which value is yes, as in `positive: yes`"
            )
        if kind_of_column != "string" and isinstance(self.positive, str):
            raise DataError(
                f"task {name!r}: `positive` must be a value of the target, found the text {self.positive!r} where "
                f"{self.target!r} is a {kind_of_column}; write a number, true or false"
            )
        return BinaryFitter(self, name, kind_of_column)


class BinaryFitter(TaskFitter):
    """Checks that both classes occur."""

    def __init__(self, options: Binary, name: str, kind_of_column: ColumnType) -> None:
        self.options, self.task = options, FittedBinary(name=name, type=kind_of_column, options=options)
        self.counts = np.zeros(2, dtype=np.int64)

    def update(self, values: pa.Array) -> None:
        labels = self.task.encode(values)
        self.counts += np.bincount(labels[labels >= 0], minlength=2)

    def finish(self) -> "FittedBinary":
        if not self.counts.all():
            raise DataError(
                f"task {self.task.name!r}: a binary task needs both answers in the training split, found "
                f"{self.counts[1]} yes and {self.counts[0]} no in target {self.task.options.target!r}; "
                "check `positive` or `at_least`, and the split"
            )
        return self.task.model_copy(update={"class_factors": self._factors()})

    def _factors(self) -> tuple[float, ...]:
        weight = self.options.positive_weight
        if weight is None:
            return ()
        return balanced_factors(self.counts.tolist()) if weight == BALANCED else (1.0, weight)


class FittedBinary(FittedTask):
    """Labels (rows,) int8: 0, 1, or -1 where unlabelled."""

    kind: Literal["binary"] = "binary"
    options: Binary
    class_factors: tuple[float, ...] = ()
    """Of a row's loss, for no and yes; empty where every row counts as one."""

    @property
    def declared(self) -> Binary:
        return self.options

    @property
    def outputs(self) -> int:
        return 1

    def encode(self, values: pa.Array) -> LabelValues:
        if self.type == "string":
            text = as_strings(values)
            yes = pc.equal(text, str(self.options.positive)).to_numpy(zero_copy_only=False)
            return np.where(pc.equal(text, "").to_numpy(zero_copy_only=False), UNLABELLED, yes).astype(np.int8)
        numbers = as_numbers(values)
        if self.options.at_least is not None:
            yes = numbers >= self.options.at_least
        elif self.options.positive is not None:
            yes = numbers == float(self.options.positive)
        else:
            yes = numbers == 1
            strange = ~np.isnan(numbers) & (numbers != 0) & (numbers != 1)
            if strange.any():
                raise DataError(
                    f"task {self.name!r}: a binary target is 0 or 1, found {numbers[strange][0]:g} in "
                    f"{self.options.target!r}; say what counts as yes with `positive: VALUE` or `at_least: NUMBER`"
                )
        return np.where(np.isnan(numbers), UNLABELLED, yes).astype(np.int8)

    def labelled(self, labels: Tensor) -> Tensor:
        return labels >= 0

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        known, smoothing = labels.clamp(min=0), self.options.label_smoothing
        yes = known.to(logits.dtype)
        if smoothing:
            yes = yes * (1 - smoothing) + smoothing / 2
        losses = F.binary_cross_entropy_with_logits(logits[:, 0], yes, reduction="none")
        return weighed(losses, known.long(), self.class_factors)

    def distillation(self, logits: Tensor, teacher: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(logits[:, 0], teacher[:, 0].sigmoid(), reduction="none")

    def link(self, logits: Tensor) -> Tensor:
        return torch.sigmoid(logits[:, 0])

    def unlink(self, predictions: NDArray[Any]) -> NDArray[np.float32]:
        chance = np.clip(predictions.astype(np.float64), LEAST_CHANCE, 1 - LEAST_CHANCE)
        return np.log(chance / (1 - chance)).astype(np.float32)[:, None]

    def trivial(self, labels: LabelValues) -> NDArray[np.float32]:
        return np.asarray((labels[labels >= 0] == 1).mean(), dtype=np.float32)

    def signature(self) -> dict[str, Any]:
        return {"name": self.name, "kind": self.kind, "form": "number", "unit": "probability"}
