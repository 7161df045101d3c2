"""The contract of an objective: what follows from a task's declared options and its codec, and is never stored."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from mtl_core.tasks.base import Codec, LabelValues, Task
from mtl_core.tasks.tree_objectives import TreeObjective

if TYPE_CHECKING:
    from torch import Tensor, nn

Clusterer = Callable[[NDArray[np.float64], NDArray[np.float64], int, int], NDArray[np.float64]]
"""(n, d) points, (n,) weights, number of clusters, number of restarts -> (clusters, d) means."""


MODEL_KEYS = ("dtype", "threshold", "thresholds")
"""Keys of `Objective.signature` that may differ between models of the same task: the same numbers are float32 or
float64, and thresholds are tuned for each model.
"""


class Objective(ABC):
    """Loss, metrics, predictions and baseline of one task: pure functions of the outputs of its head."""

    sums_items: ClassVar[bool] = False
    """For level token: True if the loss of a row is the sum over its items, instead of an item being a row."""
    names_key: ClassVar[str] = ""
    """Key of `output_format` with the names of classes or labels, if `aligned` takes predictions for other names."""
    decodes_rows: ClassVar[bool] = False
    """For level token: True if an item's prediction depends on the other items of its row.

    Then `inverse_link` takes (B, L, outputs) logits.
    """

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
        """Unit of differences between predictions: 1 for probabilities, for numbers the labels' standard deviation."""
        return 1.0

    @property
    def start_epoch(self) -> int:
        """Number of the first epoch in which it trains; its predictions before are meaningless."""
        return 1

    @property
    def reference_classes(self) -> tuple[str, ...]:
        """The classes that clusters are compared with; empty for any other kind of task."""
        return ()

    def trains_on(self, labels: Tensor) -> Tensor:
        """(B, ...) labels -> (B,) bool: the rows that the loss counts."""
        return self.codec.labelled(labels)

    def labelled_rows(self, labels: NDArray[Any], predictions: NDArray[Any]) -> tuple[Any, Any]:
        """Labels and predictions of the labelled rows, as the metrics take them."""
        labels, predictions = self.codec.select_labelled(labels, predictions)
        return labels, predictions

    def without_items(self, logits: Tensor, mask: Tensor) -> Tensor:
        """Replace the logits at positions without an item; by default they stay, since nothing reads them.

        Args:
            logits: (B, L, outputs), in training with members (B, L, members, outputs).
            mask: (B, L) True for the items of the sequence.
        """
        return logits

    def is_scored(self, value: float) -> bool:
        """True if a value of its metric on validation is a score; until the first one the task cannot stop."""
        return math.isfinite(value)

    def check(self, labels: LabelValues) -> None:
        """DataError for labels, those of a whole split, for which the objective has no loss or metric."""
        return

    @property
    def prior_logits(self) -> tuple[float, ...]:
        """Initial logits of the head: those of the training labels' distribution; for numbers 0, the mean."""
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

    def aligned(self, predictions: NDArray[Any], names: tuple[str, ...], labels: LabelValues) -> NDArray[Any]:
        """Predictions of another model of the task, as of this one; by default they are the same.

        Args:
            predictions: (rows, ...)
            names: the other model's names under `names_key`.
            labels: (rows, ...), for what the other model does not know.
        """
        return predictions

    def tree_logits(self, predictions: NDArray[Any]) -> NDArray[np.float32]:
        """Predictions of the models of `tree_objectives` -> (rows, outputs) logits."""
        return self.to_logits(predictions)

    @abstractmethod
    def baseline(self, labels: LabelValues) -> NDArray[Any]:
        """The best constant prediction for the training labels, for one row: () or (classes,)."""

    def decisions(self, predictions: NDArray[Any]) -> NDArray[Any] | None:
        """(rows, ...) predictions -> the class, the labels or the tag of each row; None if a prediction is a number."""
        return None

    @abstractmethod
    def output_format(self) -> dict[str, Any]:
        """Output type (`form`), unit and details of its predictions, as in signature.json."""

    def signature(self) -> dict[str, Any]:
        """Its entry under `outputs` in signature.json."""
        return {"name": self.name, "kind": self.codec.kind, **self.output_format()}

    def tree_objectives(self, labels: LabelValues, weights: NDArray[np.float32]) -> tuple[TreeObjective, ...]:
        """The tree models whose predictions `tree_logits` takes; empty if trees cannot learn the kind.

        Args:
            labels: (rows, ...)
            weights: (rows,)
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
            layer: the last layer before initialisation.
            x: (B, width) inputs of that layer for rows of the training split.
            weights: (B,) weights of these rows; None if all count the same.
            cluster: a clustering algorithm.

        Raises:
            TrainingError: the points have fewer distinct values than clusters.
        """

    @abstractmethod
    def target_logits(self, logits: Tensor, weights: Tensor | None) -> Tensor:
        """(rows, outputs) logits of the training split, (rows,) weights or None -> (rows, outputs) target logits."""
