"""Scores: each task's metric on a split, normalised so that tasks are comparable."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from mtl_core.data.encoded import EncodedSplit
from mtl_core.metrics.bootstrap import standard_error
from mtl_core.ragged import finite_rows
from mtl_core.tasks import Objective


def metric_values(
    tasks: Sequence[Objective], split: EncodedSplit, predictions: Mapping[str, NDArray[Any]]
) -> dict[str, float]:
    """Task -> its metric over its labelled rows; NaN where it is undefined, or a prediction is not finite."""
    values = {}
    for task in tasks:
        labels, predicted = task.labelled_rows(split.flat_labels(task.name).numpy(), predictions[task.name])
        values[task.name] = task.metric(labels, predicted) if finite_rows(predicted).all() else math.nan
    return values


def normalised(
    tasks: Sequence[Objective], values: Mapping[str, float], errors: Mapping[str, float]
) -> dict[str, float]:
    """Metrics as scores: higher is better, in standard errors; the error is 1 where a task has none."""
    return {task.name: task.metric.oriented(values[task.name]) / errors.get(task.name, 1.0) for task in tasks}


def standard_errors(
    tasks: Sequence[Objective], split: EncodedSplit, predictions: Mapping[str, NDArray[Any]]
) -> dict[str, float]:
    """Task -> standard error of its metric, by which scores are divided; 1 where it is 0."""
    errors = {}
    for task in tasks:
        labels, predicted = task.labelled_rows(split.flat_labels(task.name).numpy(), predictions[task.name])
        error = standard_error(task.metric, labels, predicted)
        errors[task.name] = error if error > 0 else 1.0
    return errors
