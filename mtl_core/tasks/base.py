"""The contract of a task: declared options, codec and objective.

The codec is fitted on the training split and is the only part of a task that the encoder stores. The objective follows
from the declared options and the codec, and is never stored.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field

from mtl_core.arrow import SCALAR_TYPES, ColumnType
from mtl_core.frozen import Frozen
from mtl_core.metrics import Metric
from mtl_core.ragged import Block, Ragged
from mtl_core.tasks.tree_objectives import TreeObjective

if TYPE_CHECKING:
    from torch import Tensor, nn

UNLABELLED = -1
"""Integer label of a row, or of a label of a multilabel task, that is unknown."""


LabelValues = NDArray[Any]
Labels = TypeVar("Labels", "NDArray[Any]", "Tensor")
"""A NumPy array or a tensor; the result is of the same type."""
Clusterer = Callable[[NDArray[np.float64], NDArray[np.float64], int, int], NDArray[np.float64]]
"""(n, d) points, (n,) weights, number of clusters, number of restarts -> (clusters, d) means."""


class Task(Frozen, ABC):
    """Options of one task, as `params.yaml` declares them."""

    metrics: ClassVar[tuple[Metric, ...]]
    reads: ClassVar[frozenset[ColumnType]] = SCALAR_TYPES
    """The types of a target column."""
    unsupervised: ClassVar[bool] = False
    """True where its objective is an `UnsupervisedObjective`, which neither labels nor a teacher can train."""
    objective_options: ClassVar[frozenset[str]] = frozenset({"weight", "metric"})
    """Options of the objective alone: the codec, hence the encoded data, does not depend on them."""

    target: str
    """The column with the labels. A null is a row that is unlabelled for this task."""
    weight_column: str = ""
    """A column of row weights in the task's loss, 0 or more. Metrics do not use it."""
    weight: Annotated[float, Field(gt=0)] = 1.0
    """Factor of its loss before balancing."""
    metric: str = ""
    """The metric for early stopping and the choice of the checkpoint; by default the kind's first."""

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
    def fitter(self, name: str, column_type: ColumnType) -> TaskFitter:
        """Make the fitter of the codec; DataError for a type of column that the kind cannot read."""

    @abstractmethod
    def objective(self, codec: Codec) -> Objective:
        """The objective of the task that `codec` was fitted for.

        Raises:
            DataError: an option does not fit the classes or the numbers of the training split.
        """


class TaskFitter(ABC):
    """Fits one task's codec on the training split, batch by batch."""

    @abstractmethod
    def update(self, values: pa.Array) -> None:
        """Take the next values of the target column."""

    @abstractmethod
    def finish(self) -> Codec:
        """The fitted codec; DataError where the labels do not suffice."""


class Codec(Frozen, ABC):
    """Labels of one task: target column -> array, with the label statistics that an objective needs. Pure functions."""

    kind: str
    name: str
    type: ColumnType
    targets: tuple[str, ...]
    """The columns with the labels, in order."""
    weight_column: str = ""
    """The column with the row weights; "" where all rows count the same."""
    sequence: str = ""
    """For a task of level token the feature whose items have a label each; "" for a task of level row."""

    @property
    def block(self) -> Block | None:
        """Shape and type of ragged labels, for level token; padding is unlabelled. None where labels are dense."""
        return None

    @property
    def target(self) -> str:
        """The columns with the labels, for messages."""
        return ", ".join(self.targets)

    @abstractmethod
    def encode(self, values: pa.Array) -> LabelValues | Ragged:
        """(rows,) target column -> (rows, ...) labels in a compact dtype that has a value for "unlabelled".

        For level token labels are ragged, a label per item.

        Several targets come as one array of structs, a field per column.
        """

    def exact(self, values: pa.Array) -> LabelValues | Ragged:
        """The labels of `encode` as metrics read them: without the rounding of a compact dtype."""
        return self.encode(values)

    @abstractmethod
    def labelled(self, labels: Labels) -> Labels:
        """(rows, ...) labels -> (rows,) mask of the rows that metrics count.

        For level token rows are items, here and in all methods of its objective.
        """


class Objective(ABC):
    """Loss, metrics, predictions and baseline of one task: pure functions of the outputs of its head."""

    options: Task
    codec: Codec

    def __init__(self, options: Task, codec: Codec) -> None:
        self.options, self.codec = options, codec
        self.name, self.weight, self.unsupervised = codec.name, options.weight, options.unsupervised
        self.metrics, self.metric = options.metrics, options.metric_named(options.metric)

    @property
    @abstractmethod
    def outputs(self) -> int:
        """Number of logits of its head."""

    @property
    def scale(self) -> float:
        """Unit of differences between predictions: 1 for probabilities, for numbers the deviation of the labels."""
        return 1.0

    @property
    def start_epoch(self) -> int:
        """Number of the first epoch in which it trains; its predictions before are meaningless."""
        return 1

    @property
    def reference_classes(self) -> tuple[str, ...]:
        """The classes that clusters are compared with; none for any other kind of task."""
        return ()

    def trains_on(self, labels: Tensor) -> Tensor:
        """(B, ...) labels -> (B,) bool: the rows that the loss counts."""
        return self.codec.labelled(labels)

    def check(self, labels: LabelValues) -> None:
        """DataError for labels that the objective has no loss or metric for; labels are those of a whole split."""
        return

    @property
    def prior_logits(self) -> tuple[float, ...]:
        """Logits of the training labels' distribution, with which the head begins; of numbers the mean, 0."""
        return (0.0,) * self.outputs

    def head_layer(self, width: int) -> nn.Module:
        """The last layer of its head: (..., width) -> (..., outputs) logits."""
        import torch
        from torch import nn

        layer = nn.Linear(width, self.outputs)
        with torch.no_grad():
            layer.bias.copy_(torch.tensor(self.prior_logits))
        return layer

    @abstractmethod
    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """(B, outputs) logits, (B, ...) labels -> (B,) losses; any finite value on unlabelled rows."""

    @abstractmethod
    def distillation(self, logits: Tensor, teacher: Tensor) -> Tensor:
        """(B, outputs) logits, (B, outputs) logits of a teacher -> (B,) losses, minimal where the two agree."""

    @abstractmethod
    def inverse_link(self, logits: Tensor) -> Tensor:
        """(B, outputs) logits -> (B,) or (B, classes) predictions in the user's units."""

    @abstractmethod
    def to_logits(self, predictions: NDArray[Any]) -> NDArray[np.float32]:
        """Predictions of any model in the user's units -> (rows, outputs) logits that `inverse_link` maps to them."""

    def tree_logits(self, predictions: NDArray[Any]) -> NDArray[np.float32]:
        """Predictions of the models of `tree_objectives` -> (rows, outputs) logits."""
        return self.to_logits(predictions)

    @abstractmethod
    def baseline(self, labels: LabelValues) -> NDArray[Any]:
        """The best constant prediction for the training labels, for one row: () or (classes,)."""

    @abstractmethod
    def signature(self) -> dict[str, Any]:
        """Its entry under `outputs` in signature.json."""

    def tree_objectives(self, labels: LabelValues, weights: NDArray[np.float32]) -> tuple[TreeObjective, ...]:
        """The tree models that together make the input of `tree_logits`; none where trees cannot learn the kind.

        They are made from (rows, ...) labels and (rows,) weights.
        """
        return ()


class UnsupervisedObjective(Objective):
    """The objective of a task that trains on its own predictions.

    Before every epoch, from `start_epoch` on, it computes its targets for the whole training split; its `distillation`
    is its only loss.
    """

    @abstractmethod
    def initial_parameters(
        self, layer: nn.Module, x: Tensor, weights: Tensor | None, cluster: Clusterer
    ) -> dict[str, Tensor]:
        """Initial parameters of the last layer of its head, by name.

        Args:
            layer: the last layer as it is.
            x: (B, width) inputs of that layer for rows of the training split.
            weights: (B,) of these rows; None where all count the same.
            cluster: a clustering algorithm.

        Raises:
            TrainingError: the points have fewer distinct values than clusters.
        """

    @abstractmethod
    def target_logits(self, logits: Tensor, weights: Tensor | None) -> Tensor:
        """(rows, outputs) logits of the training split, (rows,) weights or None -> (rows, outputs) target logits."""
