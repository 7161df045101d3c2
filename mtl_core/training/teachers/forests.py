"""What trees learn for each kind of task: one model, or several that together say what the task's link says.

To let trees teach another kind, add its case below.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtl_core.errors import ProblemError
from mtl_core.tasks import FittedTask, LabelValues
from mtl_core.tasks.binary import FittedBinary
from mtl_core.tasks.multiclass import FittedMulticlass
from mtl_core.tasks.multilabel import FittedMultilabel
from mtl_core.tasks.ordinal import FittedOrdinal
from mtl_core.tasks.quantiles import FittedQuantiles
from mtl_core.tasks.regression import FittedRegression

__all__ = ["Forest", "forests"]

LOSSES = {"squared": "l2", "absolute": "l1", "huber": "huber", "poisson": "poisson"}
"""LightGBM's names of the losses of a regression."""


@dataclass(frozen=True, kw_only=True)
class Forest:
    """What one model learns, and from which rows of a split."""

    objective: dict[str, Any]
    """LightGBM's, with its parameters: the task's own loss, in the target's unit."""
    rows: NDArray[np.intp]
    """(known,) numbers of the rows that have a label, and a weight above 0."""
    labels: NDArray[np.float32]
    """(known,)"""
    weights: NDArray[np.float32]
    """(known,) of a row in the loss, times its class's."""


def forests(task: FittedTask, labels: LabelValues, weights: NDArray[np.float32] | None) -> tuple[Forest, ...]:
    """The models of a task, from its (rows, ...) labels and (rows,) weights; ProblemError for a kind without any."""
    weights = np.ones(len(labels), dtype=np.float32) if weights is None else weights
    match task:
        case FittedBinary():
            return (_of_classes(labels, weights, task.class_factors, objective="binary"),)
        case FittedMulticlass() | FittedOrdinal():
            several = {"objective": "multiclass", "num_class": len(task.classes)}
            return (_of_classes(labels, weights, task.class_factors, **several),)
        case FittedMultilabel():
            factors = task.factors or ((),) * len(task.labels)
            each = zip(labels.T, factors, strict=True)  # a model per label
            return tuple(_of_classes(answers, weights, factor, objective="binary") for answers, factor in each)
        case FittedRegression():
            # Only huber looks at alpha: its loss is squared up to there, as the task's is within one deviation.
            return (_of_numbers(labels, weights, objective=LOSSES[task.options.loss], alpha=task.scale),)
        case FittedQuantiles():
            levels = task.options.levels
            return tuple(_of_numbers(labels, weights, objective="quantile", alpha=level) for level in levels)
        case _:
            raise ProblemError(
                f"training.teachers.{task.name}: `boosted` needs a kind of task that trees can learn, found "
                f"{task.signature()['kind']}; drop this teacher"
            )


def _of_classes(
    labels: LabelValues, weights: NDArray[np.float32], factors: tuple[float, ...], **objective: Any
) -> Forest:
    """From (rows,) classes, below 0 where unknown; each counts by its factor, as in the task's loss."""
    if factors:
        weights = weights * np.array(factors, dtype=np.float32)[labels.clip(0)]
    return _forest(labels, labels >= 0, weights, objective)


def _of_numbers(labels: LabelValues, weights: NDArray[np.float32], **objective: Any) -> Forest:
    """From (rows,) numbers, NaN where unknown."""
    return _forest(labels, ~np.isnan(labels), weights, objective)


def _forest(
    labels: LabelValues, known: NDArray[np.bool_], weights: NDArray[np.float32], objective: dict[str, Any]
) -> Forest:
    rows = np.flatnonzero(known & (weights > 0))
    return Forest(objective=objective, rows=rows, labels=labels[rows].astype(np.float32), weights=weights[rows])
