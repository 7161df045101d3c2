"""Metrics of a decision: positive where a probability is at least a threshold. Labels are (rows,) 1 or 0."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mtl_core.metrics.base import Array, Metric, WeightedValue, needs_positive, needs_two_classes

TUNED = "its threshold is tuned after training"
NO_POSITIVE_DECISION = "it is undefined without a positive decision, and the baseline often makes none"


class Confusion(NamedTuple):
    """Confusion matrix of a decision: numbers, or arrays with an entry per threshold."""

    true_negatives: Array
    false_negatives: Array
    false_positives: Array
    true_positives: Array


def _f1(counts: Confusion) -> Array:
    hits = 2 * counts.true_positives
    return _ratio(hits, hits + counts.false_positives + counts.false_negatives)


def _accuracy(counts: Confusion) -> Array:
    correct, errors = counts.true_positives + counts.true_negatives, counts.false_positives + counts.false_negatives
    return _ratio(correct, correct + errors)


def _balanced_accuracy(counts: Confusion) -> Array:
    return (_recall(counts) + _ratio(counts.true_negatives, counts.true_negatives + counts.false_positives)) / 2


def _precision(counts: Confusion) -> Array:
    return _ratio(counts.true_positives, counts.true_positives + counts.false_positives)


def _recall(counts: Confusion) -> Array:
    return _ratio(counts.true_positives, counts.true_positives + counts.false_negatives)


SCORES: dict[str, Callable[[Confusion], Array]] = {
    "f1": _f1,
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "precision": _precision,
    "recall": _recall,
}
"""Name -> score of a decision; NaN where a denominator is 0."""


@dataclass(frozen=True, kw_only=True)
class ThresholdMetric(Metric):
    """The score of `SCORES` with the metric's name, for decisions at a threshold."""

    higher_is_better: bool = True
    of_decision: bool = True
    threshold: float

    def undefined(self, labels: Array) -> str:
        requirement = {"balanced_accuracy": needs_two_classes, "recall": needs_positive}.get(self.name)
        return super().undefined(labels) or (requirement(labels) if requirement else "")

    def weighted(self, labels: Array, predictions: Array) -> WeightedValue:
        cells = 2 * decide(predictions, self.threshold) + (labels == 1)  # in the order of Confusion
        return lambda weights: float(SCORES[self.name](Confusion(*np.bincount(cells, weights, minlength=4))))


def decide(predictions: Array, thresholds: Array | float) -> Array:
    """Probabilities -> True if at least the threshold, both in float32 as in the service; False for NaN."""
    decisions: Array = predictions.astype(np.float32) >= np.asarray(thresholds, dtype=np.float32)
    return decisions


def decision_metrics(threshold: float, *, tuned: bool) -> tuple[Metric, ...]:
    """Every score at that threshold."""
    reasons = dict.fromkeys(SCORES, TUNED) if tuned else {"precision": NO_POSITIVE_DECISION}
    return tuple(ThresholdMetric(name=name, threshold=threshold, unsuitable=reasons.get(name, "")) for name in SCORES)


def _ratio(numerator: Array, denominator: Array) -> Array:
    undefined = np.full(np.shape(denominator), np.nan)
    return np.asarray(np.divide(numerator, denominator, out=undefined, where=np.asarray(denominator) > 0))
