"""Scores: each task's own metric on a split, and the normalisation that makes tasks comparable."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mtl_core.data.encoded import EncodedSplit
from mtl_core.model import Network
from mtl_core.tasks import FittedTask
from mtl_core.tasks.bootstrap import standard_error

__all__ = ["ROWS", "logits_of", "metric_values", "normalised", "predictions_of", "standard_errors"]

ROWS = 8192
"""Of a batch without gradients."""


def logits_of(network: Network, split: EncodedSplit) -> Iterator[tuple[slice, dict[str, torch.Tensor]]]:
    """The network's logits in evaluation mode, batch by batch in row order."""
    network.eval()
    with torch.inference_mode():
        for start, stop in split.spans(ROWS):
            yield slice(start, stop), network(split.slice(start, stop).inputs)


def predictions_of(network: Network, tasks: Sequence[FittedTask], split: EncodedSplit) -> dict[str, NDArray[Any]]:
    """Per task (rows,) or (rows, classes) predictions in the user's units."""
    chunks: dict[str, list[NDArray[Any]]] = {task.name: [] for task in tasks}
    for _, logits in logits_of(network, split):
        for task in tasks:
            chunks[task.name].append(task.link(logits[task.name]).numpy())
    return {name: np.concatenate(arrays) for name, arrays in chunks.items()}


def metric_values(
    tasks: Sequence[FittedTask], split: EncodedSplit, predictions: Mapping[str, NDArray[Any]]
) -> dict[str, float]:
    """Each task's own metric over its labelled rows; NaN where it is undefined, or a prediction is not finite."""
    found = {}
    for task in tasks:
        labels, predicted = _labelled(task, split, predictions)
        found[task.name] = task.metric(labels, predicted) if np.isfinite(predicted).all() else math.nan
    return found


def normalised(
    tasks: Sequence[FittedTask], values: Mapping[str, float], errors: Mapping[str, float]
) -> dict[str, float]:
    """Metrics as scores: higher is better, in standard errors. A task without a standard error has no score yet."""
    return {task.name: task.metric.oriented(values[task.name]) / errors.get(task.name, 1.0) for task in tasks}


def standard_errors(
    tasks: Sequence[FittedTask], split: EncodedSplit, predictions: Mapping[str, NDArray[Any]]
) -> dict[str, float]:
    """The standard error of each task's own metric: its unit of noise, by which scores are divided; 1 where it is 0."""
    found = {task.name: standard_error(task.metric, *_labelled(task, split, predictions)) for task in tasks}
    return {name: error if error > 0 else 1.0 for name, error in found.items()}


def _labelled(
    task: FittedTask, split: EncodedSplit, predictions: Mapping[str, NDArray[Any]]
) -> tuple[NDArray[Any], NDArray[Any]]:
    labels = split.labels[task.name]
    mask = task.labelled(labels).numpy()
    return labels.numpy()[mask], predictions[task.name][mask]
