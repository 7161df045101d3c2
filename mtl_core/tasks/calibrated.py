"""Objectives whose predictions are probabilities, which can be calibrated after training."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from mtl_core.tasks.base import Objective

if TYPE_CHECKING:
    from torch import Tensor

MIN_LABELS = 10
"""Minimum labelled rows of a class on validation for it to count in what is fitted there."""


@dataclass(frozen=True, kw_only=True)
class OutputGroup:
    """Outputs of a head that are calibrated, or given a threshold, together; and the labelled rows for it."""

    outputs: tuple[int, ...]
    values: Tensor
    """(rows, outputs) logits or predictions; (rows, 1) where the rows of several outputs are taken together."""
    labels: Tensor
    """(rows,) classes, from 0."""
    counts: tuple[int, ...]
    """Rows per class."""

    @property
    def frequent(self) -> int:
        """Number of classes with MIN_LABELS rows or more."""
        return sum(count >= MIN_LABELS for count in self.counts)

    @property
    def is_sufficient(self) -> bool:
        """True where at least two classes have MIN_LABELS rows: below, a row more or less would decide."""
        return self.frequent >= 2


class CalibratedObjective(Objective, ABC):
    """Calibrated logits are logits * scale + bias, with a scale above 0 per output.

    The kind has the metrics `log_loss` and `ece`.
    """

    independent_outputs: ClassVar[bool] = False
    """True where every output may have a scale and a bias of its own; else all of a group have the same."""

    @property
    @abstractmethod
    def is_class_weighted(self) -> bool:
        """True where class weights bias the probabilities."""

    @property
    def keeps_bias(self) -> bool:
        """True where class weights are declared and the task's own metric is of its decisions.

        Class weights are to move decisions; with any other metric calibration takes their bias back.
        """
        return self.is_class_weighted and self.metric.of_decision

    @abstractmethod
    def log_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """(rows, outputs) logits of a group, (rows,) classes -> (rows,) log losses.

        Without class weights and label smoothing.
        """

    def groups(self, values: Tensor, labels: Tensor) -> Sequence[OutputGroup]:
        """The groups for (rows, outputs) logits or predictions and (rows, ...) labels, all labelled."""
        classes = labels.long()
        counts = tuple(classes.bincount(minlength=self.classes).tolist())
        return (OutputGroup(outputs=tuple(range(self.outputs)), values=values, labels=classes, counts=counts),)

    @property
    def classes(self) -> int:
        """Number of classes of a group."""
        return 2
