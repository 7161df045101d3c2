"""The contract of a task."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Annotated, Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from mtl_core.arrow import ColumnType
from mtl_core.frozen import Frozen
from mtl_core.tasks.metrics import Metric

__all__ = ["Clusterer", "FittedTask", "LabelValues", "SelfTaughtTask", "Task", "TaskFitter"]

LabelValues = NDArray[Any]
Clusterer = Callable[[NDArray[np.float64], NDArray[np.float64], int, int], NDArray[np.float64]]
"""(n, d) points, (n,) how often each counts, clusters, restarts -> (clusters, d) means."""


class Task(Frozen, ABC):
    """Options of one task, as `params.yaml` declares them."""

    metrics: ClassVar[tuple[Metric, ...]]
    self_taught: ClassVar[bool] = False
    """Whether its fitted form is a `SelfTaughtTask`: no label teaches it, nor could a teacher from elsewhere."""
    objective_options: ClassVar[frozenset[str]] = frozenset({"weight", "metric"})
    """Options that the loss and the metrics alone depend on: another value re-trains, and re-encodes nothing."""

    target: str
    """The column with the labels. A null is a row that is unlabelled for this task."""
    weight_column: str = ""
    """A column of numbers, 0 or more: how much a row counts in the task's loss. Metrics count every row as one."""
    weight: Annotated[float, Field(gt=0)] = 1.0
    """Factor of its loss before balancing."""
    metric: str = ""
    """The metric that stops the task and picks the checkpoint; the kind's first where none is given."""

    @property
    def targets(self) -> tuple[str, ...]:
        """The columns with the labels, in order."""
        return (self.target,)

    def metric_named(self, name: str) -> Metric:
        """The kind's metric of that name; "" is its first. KeyError where it has no such metric."""
        if not name:
            return self.metrics[0]
        return {metric.name: metric for metric in self.metrics}[name]

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


class FittedTask(Frozen, ABC):
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
        """(rows,) target column -> (rows, ...) labels in a compact dtype that can say "unlabelled".

        Several targets come as one array of structs, a field per column.
        """

    @abstractmethod
    def labelled(self, labels: Tensor) -> Tensor:
        """(B, ...) labels -> (B,) bool: the rows that metrics count."""

    def trains_on(self, labels: Tensor) -> Tensor:
        """(B, ...) labels -> (B,) bool: the rows that the loss counts."""
        return self.labelled(labels)

    @property
    def self_taught(self) -> bool:
        """Whether it is a `SelfTaughtTask`."""
        return self.declared.self_taught

    @property
    def begins(self) -> int:
        """Number of the first epoch in which it takes part. Before it, what it predicts means nothing."""
        return 1

    def last_layer(self, width: int) -> nn.Module:
        """The last layer of its head: (..., width) -> (..., outputs) logits."""
        return nn.Linear(width, self.outputs)

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
    def unlink(self, predictions: NDArray[Any]) -> NDArray[np.float32]:
        """Predictions in the user's units, of any model -> (rows, outputs) logits whose link they are."""

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


class SelfTaughtTask(FittedTask):
    """A task that learns from what it predicts itself. Before every epoch, from `begins` on, it makes its targets for
    the whole training split, and its `distillation` alone teaches it.
    """

    @abstractmethod
    def start(self, layer: nn.Module, x: Tensor, weights: Tensor | None, cluster: Clusterer) -> dict[str, Tensor]:
        """Parameters of its last layer to begin with, by name.

        Args:
            layer: the last layer as it is.
            x: (B, width) what that layer is given for rows of the training split.
            weights: (B,) of these rows; None where all count the same.
            cluster: finds groups of points.
        """

    @abstractmethod
    def self_targets(self, logits: Tensor, weights: Tensor | None) -> Tensor:
        """(rows, outputs) logits of the training split, (rows,) weights or None -> (rows, outputs) targets' logits."""
