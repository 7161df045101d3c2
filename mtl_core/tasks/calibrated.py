"""Objectives whose predictions are probabilities, which can be calibrated after training."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from mtl_core.tasks.class_weights import weighted_probabilities
from mtl_core.tasks.objective import Objective

if TYPE_CHECKING:
    from torch import Tensor

MIN_LABELS = 10
"""Minimum labelled validation rows of a class for calibration and thresholds to be fitted on it."""


@dataclass(frozen=True, kw_only=True)
class OutputGroup:
    """Outputs of a head that are calibrated, or given a threshold, together, with their labelled rows."""

    outputs: tuple[int, ...]
    values: Tensor
    """(rows, outputs) logits or predictions; (rows, 1) where the rows of several outputs are concatenated."""
    labels: Tensor
    """(rows,) classes, from 0."""
    counts: tuple[int, ...]
    """Rows per class."""

    @property
    def frequent_classes(self) -> int:
        """Number of classes with MIN_LABELS rows or more."""
        return sum(count >= MIN_LABELS for count in self.counts)

    @property
    def is_sufficient(self) -> bool:
        """True if at least two classes have MIN_LABELS rows: with fewer, single rows would decide the fit."""
        return self.frequent_classes >= 2


class CalibratedObjective(Objective, ABC):
    """Calibrated logits are logits * scale + bias, with a scale above 0 per output.

    The kind has the metrics `log_loss` and `ece`.
    """

    independent_outputs: ClassVar[bool] = False
    """True if every output may have a separate scale and bias; otherwise all of a group have the same."""
    class_factors: tuple[Any, ...] = ()
    """Factors of a row's loss per class, or those per label; empty if every row counts as one."""

    @property
    def is_class_weighted(self) -> bool:
        """True if class weights bias the probabilities."""
        return bool(self.class_factors)

    @property
    def keeps_bias(self) -> bool:
        """True if class weights are declared and the task's selected metric measures decisions.

        Class weights are to move decisions; with any other metric calibration removes their bias.
        """
        return self.is_class_weighted and self.metric.of_decision

    def with_class_weights(self, probabilities: NDArray[Any]) -> NDArray[np.float64]:
        """Probabilities of the data -> those that the loss with its class weights leads to."""
        return weighted_probabilities(probabilities, self.class_factors or 1.0)

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
