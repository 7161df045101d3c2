"""Metrics per task with bootstrap intervals, and the paired comparison of two models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtl_core.metrics import Metric
from mtl_core.metrics.bootstrap import interval, resampled
from mtl_core.tasks import Objective

RESAMPLES = 200

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class MetricValue:
    """A metric's value on a split with its 95% percentile bootstrap interval; NaN where undefined."""

    value: float
    low: float
    high: float
    undefined: str = ""
    """Reason why the value is undefined for any predictions; "" if it is defined."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Candidate minus reference in one metric, positive if the candidate is better, with its paired 95% interval."""

    task: str
    metric: str
    reference: float
    candidate: float
    difference: float
    low: float
    high: float
    undefined: str = ""
    """Reason why the metric is undefined for any predictions; "" if it is defined."""

    @property
    def is_better(self) -> bool:
        """True if the candidate is significantly better."""
        return self.low > 0

    def is_worse(self, margin: float) -> bool:
        """True if the candidate is significantly worse, and by more than the margin. A difference of NaN is worse."""
        return is_worse(self.difference, self.high, margin)


def is_worse(difference: float, high: float, margin: float) -> bool:
    """True for a difference below 0 by more than the margin whose interval, up to `high`, is below 0; for NaN too."""
    return not (difference >= -margin or high >= 0)


def evaluate(
    tasks: Sequence[Objective], labels: Arrays, predictions: Arrays, *, resamples: int = RESAMPLES
) -> dict[str, dict[str, MetricValue]]:
    """Task -> metric -> value and interval, over each task's labelled rows; without resamples the interval is NaN.

    Raises:
        DataError: a task has no metric for some of the labels.
    """
    metrics: dict[str, dict[str, MetricValue]] = {}
    for task in tasks:
        task.check(labels[task.name])
        true, predicted = task.labelled_rows(labels[task.name], predictions[task.name])
        metrics[task.name] = {metric.name: _measure(metric, true, predicted, resamples) for metric in task.metrics}
    return metrics


def compare(
    tasks: Sequence[Objective], labels: Arrays, reference: Arrays, candidate: Arrays, *, resamples: int = RESAMPLES
) -> list[Difference]:
    """Each task's metric for two models on the same rows; the same resamples for both, so that chance cancels."""
    differences = []
    for task in tasks:
        values, distributions = [], []
        for predictions in (reference, candidate):
            true, predicted = task.labelled_rows(labels[task.name], predictions[task.name])
            values.append(task.metric(true, predicted))
            distributions.append(resampled(task.metric, true, predicted, resamples=resamples))
        bounds = interval(distributions[1] - distributions[0])
        low, high = sorted(task.metric.oriented(bound) for bound in bounds)
        differences.append(
            Difference(
                task=task.name,
                metric=task.metric.name,
                reference=values[0],
                candidate=values[1],
                difference=task.metric.oriented(values[1] - values[0]),
                low=low,
                high=high,
                undefined=task.metric.undefined(true),
            )
        )
    return differences


def baseline_predictions(tasks: Sequence[Objective], train_labels: Arrays, labels: Arrays) -> dict[str, NDArray[Any]]:
    """A constant prediction for each of the labels: the prior, median or mean of the training labels."""
    predictions = {}
    for task in tasks:
        constant = task.baseline(train_labels[task.name])
        predictions[task.name] = np.broadcast_to(constant, (len(labels[task.name]), *constant.shape))
    return predictions


def _measure(metric: Metric, labels: NDArray[Any], predictions: NDArray[Any], resamples: int) -> MetricValue:
    low, high = interval(resampled(metric, labels, predictions, resamples=resamples))
    return MetricValue(value=metric(labels, predictions), low=low, high=high, undefined=metric.undefined(labels))
