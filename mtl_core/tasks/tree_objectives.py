"""Objectives of gradient-boosted trees, one per tree model of a task."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class TreeObjective:
    """Objective, rows, labels and weights of one tree model."""

    parameters: dict[str, Any]
    """LightGBM's objective and its parameters: the task's loss, in the target's unit."""
    rows: NDArray[np.intp]
    """(n,) indices of the rows that have a label, and a weight above 0."""
    labels: NDArray[np.float32]
    """(n,)"""
    weights: NDArray[np.float32]
    """(n,) weights of the rows in the loss, times the factors of their classes."""


def class_trees(
    labels: NDArray[Any], weights: NDArray[np.float32], factors: tuple[float, ...], **parameters: Any
) -> TreeObjective:
    """Objective for (rows,) classes, below 0 where unknown; `factors` per class as in the task's loss."""
    if factors:
        weights = weights * np.array(factors, dtype=np.float32)[labels.clip(0)]
    return _trees(labels, labels >= 0, weights, parameters)


def number_trees(labels: NDArray[Any], weights: NDArray[np.float32], **parameters: Any) -> TreeObjective:
    """Objective for (rows,) numbers, NaN where unknown."""
    return _trees(labels, ~np.isnan(labels), weights, parameters)


def _trees(
    labels: NDArray[Any], known: NDArray[np.bool_], weights: NDArray[np.float32], parameters: dict[str, Any]
) -> TreeObjective:
    rows = np.flatnonzero(known & (weights > 0))
    return TreeObjective(
        parameters=parameters, rows=rows, labels=labels[rows].astype(np.float32), weights=weights[rows]
    )
