"""Binary tasks: one logit, cross-entropy, a probability."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field, model_validator

from mtl_core import arrow_compute as pc
from mtl_core.arrow import ColumnType, as_numbers, as_strings
from mtl_core.errors import DataError
from mtl_core.metrics import Metric
from mtl_core.metrics.classification import BINARY_LOG_LOSS, BRIER
from mtl_core.metrics.ranking import Auc, AveragePrecision
from mtl_core.tasks.base import UNLABELLED, Codec, Labels, LabelValues, Objective, Task, TaskFitter
from mtl_core.tasks.class_weights import PositiveWeight, positive_factors, weigh
from mtl_core.tasks.probabilities import log_odds
from mtl_core.tasks.tree_objectives import TreeObjective, class_trees

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Binary", "BinaryCodec", "BinaryObjective"]


class Binary(Task):
    """Yes or no. The target is a boolean, 0 or 1; or `positive` or `at_least` defines yes."""

    metrics: ClassVar[tuple[Metric, ...]] = (
        Auc(name="auc", higher_is_better=True),
        BINARY_LOG_LOSS,
        AveragePrecision(name="average_precision", higher_is_better=True),
        BRIER,
    )
    objective_options: ClassVar[frozenset[str]] = Task.objective_options | {"positive_weight", "label_smoothing"}

    kind: Literal["binary"] = "binary"
    positive: str | bool | float | None = None
    """Yes where the target equals this."""
    at_least: float | None = None
    """Yes where the target is this or more."""
    positive_weight: PositiveWeight = None
    """Weight of a yes in the loss, where a no has 1; `balanced` gives both the same total weight.

    Probabilities are biased by it, see `mtl_core.tasks.class_weights`; metrics are not weighted.
    """
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """The share of a label that is spread evenly over yes and no (Szegedy 2016, section 7)."""

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        if self.positive is not None and self.at_least is not None:
            raise ValueError("give `positive` or `at_least`, not both")
        return self

    def fitter(self, name: str, column_type: ColumnType) -> BinaryFitter:
        if column_type == "string" and not isinstance(self.positive, str):
            raise DataError(
                f"task {name!r}: the target {self.target!r} is text; say which value is yes, as in `positive: yes`"
            )
        if column_type != "string" and isinstance(self.positive, str):
            raise DataError(
                f"task {name!r}: `positive` must be a value of the target, found the text {self.positive!r} where "
                f"{self.target!r} is a {column_type}; write a number, true or false"
            )
        return BinaryFitter(
            BinaryCodec(
                name=name,
                type=column_type,
                targets=self.targets,
                weight_column=self.weight_column,
                positive=self.positive,
                at_least=self.at_least,
            )
        )

    def objective(self, codec: Codec) -> BinaryObjective:
        return BinaryObjective(self, codec)


class BinaryFitter(TaskFitter):
    """Counts both classes, and checks that each occurs."""

    def __init__(self, codec: BinaryCodec) -> None:
        self.codec, self.counts = codec, np.zeros(2, dtype=np.int64)

    def update(self, values: pa.Array) -> None:
        labels = self.codec.encode(values)
        self.counts += np.bincount(labels[labels >= 0], minlength=2)

    def finish(self) -> BinaryCodec:
        if not self.counts.all():
            raise DataError(
                f"task {self.codec.name!r}: a binary task needs both answers in the training split, found "
                f"{self.counts[1]} yes and {self.counts[0]} no in target {self.codec.target!r}; "
                "check `positive` or `at_least`, and the split"
            )
        return self.codec.model_copy(update={"counts": tuple(self.counts.tolist())})


class BinaryCodec(Codec):
    """Labels (rows,) int8: 0, 1, or -1 where unlabelled."""

    kind: Literal["binary"] = "binary"
    positive: str | bool | float | None
    at_least: float | None
    counts: tuple[int, int] = (0, 0)
    """Rows of the training split that are no and yes."""

    def encode(self, values: pa.Array) -> LabelValues:
        if self.type == "string":
            text = as_strings(values)
            yes = pc.equal(text, str(self.positive)).to_numpy(zero_copy_only=False)
            return np.where(pc.equal(text, "").to_numpy(zero_copy_only=False), UNLABELLED, yes).astype(np.int8)
        numbers = as_numbers(values)
        if self.at_least is not None:
            yes = numbers >= self.at_least
        elif self.positive is not None:
            yes = numbers == float(self.positive)
        else:
            yes = numbers == 1
            invalid = ~np.isnan(numbers) & (numbers != 0) & (numbers != 1)
            if invalid.any():
                raise DataError(
                    f"task {self.name!r}: a binary target is 0 or 1, found {numbers[invalid][0]:g} in "
                    f"{self.target!r}; say what counts as yes with `positive: VALUE` or `at_least: NUMBER`"
                )
        return np.where(np.isnan(numbers), UNLABELLED, yes).astype(np.int8)

    def labelled(self, labels: Labels) -> Labels:
        return labels >= 0


class BinaryObjective(Objective):
    """Logits (rows, 1): the log odds of yes."""

    options: Binary
    codec: BinaryCodec

    def __init__(self, options: Binary, codec: Codec) -> None:
        super().__init__(options, codec)
        self.class_factors = positive_factors(options.positive_weight, self.codec.counts)
        """Factors of a row's loss, for no and yes; empty where every row counts as one."""

    @property
    def outputs(self) -> int:
        return 1

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        import torch.nn.functional as F

        known, smoothing = labels.clamp(min=0), self.options.label_smoothing
        yes = known.to(logits.dtype)
        if smoothing:
            yes = yes * (1 - smoothing) + smoothing / 2
        losses = F.binary_cross_entropy_with_logits(logits[:, 0], yes, reduction="none")
        return weigh(losses, known.long(), self.class_factors)

    def distillation(self, logits: Tensor, teacher: Tensor) -> Tensor:
        import torch.nn.functional as F

        return F.binary_cross_entropy_with_logits(logits[:, 0], teacher[:, 0].sigmoid(), reduction="none")

    def inverse_link(self, logits: Tensor) -> Tensor:
        return logits[:, 0].sigmoid()

    def to_logits(self, predictions: NDArray[Any]) -> NDArray[np.float32]:
        return log_odds(predictions)[:, None]

    def baseline(self, labels: LabelValues) -> NDArray[np.float32]:
        return np.asarray((labels[labels >= 0] == 1).mean(), dtype=np.float32)

    def signature(self) -> dict[str, Any]:
        return {"name": self.name, "kind": self.codec.kind, "form": "number", "unit": "probability"}

    def tree_objectives(self, labels: LabelValues, weights: NDArray[np.float32]) -> tuple[TreeObjective, ...]:
        return (class_trees(labels, weights, self.class_factors, objective="binary"),)
