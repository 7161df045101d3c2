"""The contract of a task."""

from abc import ABC, abstractmethod
from typing import Annotated, Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from mtl_core.declared import Declared
from mtl_core.features.base import ColumnType
from mtl_core.tasks.metrics import Metric

__all__ = ["FittedTask", "LabelValues", "Task", "TaskFitter"]

LabelValues = NDArray[Any]


class Task(Declared, ABC):
    """Options of one task, as `params.yaml` declares them."""

    metrics: ClassVar[tuple[Metric, ...]]

    target: str
    """The column with the labels. A null is a row that is unlabelled for this task."""
    weight: Annotated[float, Field(gt=0)] = 1.0
    """Factor of its loss before balancing."""
    metric: str = ""
    """The metric that stops the task and picks the checkpoint; the kind's first where none is given."""

    @classmethod
    def metric_named(cls, name: str) -> Metric:
        """The kind's metric of that name; "" is its first. KeyError where it has no such metric."""
        if not name:
            return cls.metrics[0]
        return {metric.name: metric for metric in cls.metrics}[name]

    @abstractmethod
    def fitter(self, name: str, kind_of_column: ColumnType) -> "TaskFitter":
        """Starts to learn from the training split what the task needs."""


class TaskFitter(ABC):
    """Learns one task's constants from the training split, part by part."""

    @abstractmethod
    def update(self, values: pa.Array) -> None:
        """Takes the next values of the target column."""

    @abstractmethod
    def finish(self) -> "FittedTask":
        """What was learned."""


class FittedTask(Declared, ABC):
    """One task, fitted: labels in, loss and predictions out. Pure functions; the parameters live in its head."""

    name: str
    type: ColumnType

    @property
    @abstractmethod
    def declared(self) -> Task:
        """The options it was fitted from."""

    @property
    @abstractmethod
    def outputs(self) -> int:
        """How many logits its head has."""

    @abstractmethod
    def encode(self, values: pa.Array) -> LabelValues:
        """(rows,) target column -> (rows, ...) labels in a compact dtype that can say "unlabelled"."""

    @abstractmethod
    def labelled(self, labels: Tensor) -> Tensor:
        """(B, ...) labels -> (B,) bool."""

    @abstractmethod
    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """(B, outputs) logits, (B, ...) labels -> (B,) losses; any finite value on unlabelled rows."""

    @abstractmethod
    def distillation(self, logits: Tensor, teacher: Tensor) -> Tensor:
        """(B, outputs) logits, (B, outputs) a teacher's logits -> (B,) losses, least where the two agree."""

    @abstractmethod
    def link(self, logits: Tensor) -> Tensor:
        """(B, outputs) logits -> (B,) or (B, classes) predictions in the user's units."""

    @abstractmethod
    def trivial(self, labels: LabelValues) -> NDArray[np.float32]:
        """The best prediction that looks at no feature, from the training labels: one row, () or (classes,)."""

    @abstractmethod
    def signature(self) -> dict[str, Any]:
        """Its entry under `outputs` in signature.json."""

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """All metrics of the task's kind."""
        return self.declared.metrics

    @property
    def metric(self) -> Metric:
        """The metric that stops the task and picks the checkpoint."""
        return self.declared.metric_named(self.declared.metric)
