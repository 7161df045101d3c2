"""Multiclass tasks: a logit per class, cross-entropy, a probability per class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mtl_core.metrics import Metric
from mtl_core.metrics.calibration import TOP_LABEL_ECE
from mtl_core.metrics.classification import ACCURACY, LOG_LOSS, MacroF1
from mtl_core.tasks.base import Codec, LabelValues
from mtl_core.tasks.class_weights import weigh
from mtl_core.tasks.classes import ClassCodec, ClassObjective, ClassTask
from mtl_core.tasks.probabilities import MIN_PROBABILITY, clipped_log

if TYPE_CHECKING:
    from torch import Tensor


class MulticlassCodec(ClassCodec):
    """Labels of a multiclass task."""

    kind: Literal["multiclass"] = "multiclass"


class Multiclass(ClassTask):
    """A class out of several: the values of the target, or the bands that `edges` cut a number into.

    The names are learned from the training split where neither `classes` nor `edges` are given.
    """

    codec_type = MulticlassCodec
    metrics: ClassVar[tuple[Metric, ...]] = (LOG_LOSS, ACCURACY, MacroF1(), TOP_LABEL_ECE)
    objective_options: ClassVar[frozenset[str]] = ClassTask.objective_options | {"label_smoothing"}

    kind: Literal["multiclass"] = "multiclass"
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """The share of a label that is spread evenly over all classes (Szegedy 2016, section 7)."""

    def objective(self, codec: Codec) -> MulticlassObjective:
        return MulticlassObjective(self, codec)


class MulticlassObjective(ClassObjective):
    """Logits (rows, classes)."""

    independent_outputs: ClassVar[bool] = True
    names_key: ClassVar[str] = "classes"

    options: Multiclass

    @property
    def outputs(self) -> int:
        return len(self.codec.classes)

    @property
    def prior_logits(self) -> tuple[float, ...]:
        return tuple(np.log(self.prior).tolist())

    def log_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        import torch.nn.functional as F

        return F.cross_entropy(logits, labels, reduction="none")

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy, times the factor of the row's class: twice the factor counts like twice the rows.

        PyTorch's class weights would multiply the smoothed share by the factors of the other classes.
        """
        import torch.nn.functional as F

        classes = labels.clamp(min=0).long()
        losses = F.cross_entropy(logits, classes, reduction="none", label_smoothing=self.options.label_smoothing)
        return weigh(losses, classes, self.class_factors)

    def distillation(self, logits: Tensor, teacher: Tensor) -> Tensor:
        import torch.nn.functional as F

        return F.cross_entropy(logits, teacher.softmax(dim=1), reduction="none")

    def inverse_link(self, logits: Tensor) -> Tensor:
        return logits.softmax(dim=1)

    def aligned(self, predictions: NDArray[Any], names: tuple[str, ...], labels: LabelValues) -> NDArray[np.float64]:
        """(rows, names) -> (rows, classes): a class that the other model lacks has probability 0.

        A row of such a class, or predicted to be of a class that this task lacks, has its label, or without one the
        training labels' distribution.
        """
        classes = self.codec.classes
        common = [name for name in classes if name in names]
        to, of = [classes.index(name) for name in common], [names.index(name) for name in common]
        aligned = np.zeros((len(predictions), len(classes)))
        aligned[:, to] = predictions[:, of]
        total = aligned.sum(axis=1)
        aligned /= np.maximum(total, MIN_PROBABILITY)[:, None]
        replaced = (total < MIN_PROBABILITY) | (~np.isin(labels, to) & (labels >= 0))
        counts = np.array(self.codec.counts, dtype=np.float64)
        by_label = np.vstack([np.eye(len(classes)), counts / counts.sum()])  # the last row for UNLABELLED, -1
        aligned[replaced] = by_label[labels[replaced]]
        return aligned

    def to_logits(self, predictions: NDArray[Any]) -> NDArray[np.float32]:
        return clipped_log(predictions)
