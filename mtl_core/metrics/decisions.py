"""Metrics of a decision: yes where a probability is at least a threshold. Labels (rows,) 1 or 0."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mtl_core.metrics.base import Array, Metric, Value

TUNED = "its threshold is tuned after training"
WITHOUT_YES = "it is undefined where no row is decided a yes, as the baseline often decides"


@dataclass(frozen=True, kw_only=True)
class Confusion:
    """Counts of a decision; numbers, or arrays with an entry per threshold."""

    true_positives: Array
    false_positives: Array
    false_negatives: Array
    true_negatives: Array


def _f1(found: Confusion) -> Array:
    both = 2 * found.true_positives
    return _ratio(both, both + found.false_positives + found.false_negatives)


def _accuracy(found: Confusion) -> Array:
    right, wrong = found.true_positives + found.true_negatives, found.false_positives + found.false_negatives
    return _ratio(right, right + wrong)


def _balanced_accuracy(found: Confusion) -> Array:
    return (_recall(found) + _ratio(found.true_negatives, found.true_negatives + found.false_positives)) / 2


def _precision(found: Confusion) -> Array:
    return _ratio(found.true_positives, found.true_positives + found.false_positives)


def _recall(found: Confusion) -> Array:
    return _ratio(found.true_positives, found.true_positives + found.false_negatives)


SCORES: dict[str, Callable[[Confusion], Array]] = {
    "f1": _f1,
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "precision": _precision,
    "recall": _recall,
}
"""Name -> score of a decision; NaN where a denominator is 0."""


@dataclass(frozen=True, kw_only=True)
class AtThreshold(Metric):
    """The score of that name of the decisions at a threshold."""

    higher_is_better: bool = True
    of_decision: bool = True
    threshold: float

    def undefined(self, labels: Array) -> str:
        if self.name == "balanced_accuracy":
            return super().undefined(labels) or ("" if len(np.unique(labels)) > 1 else "one class only")
        if self.name == "recall":
            return super().undefined(labels) or ("" if (labels == 1).any() else "no positive row")
        return super().undefined(labels)

    def on(self, labels: Array, predictions: Array) -> Value:
        cells = 2 * decide(predictions, self.threshold) + (labels == 1)

        def value(weights: Array | None) -> float:
            counts = np.bincount(cells, weights, minlength=4).astype(np.float64)
            found = Confusion(
                true_negatives=counts[0], false_negatives=counts[1], false_positives=counts[2], true_positives=counts[3]
            )
            return float(SCORES[self.name](found))

        return value


def decide(predictions: Array, thresholds: Array | float) -> Array:
    """Probabilities -> yes where at least the threshold, both in float32 as in the service; never for NaN."""
    yes: Array = predictions.astype(np.float32) >= np.asarray(thresholds, dtype=np.float32)
    return yes


def decision_metrics(threshold: float, *, tuned: bool) -> tuple[Metric, ...]:
    """Every score at that threshold."""
    unfit = dict.fromkeys(SCORES, TUNED) if tuned else {"precision": WITHOUT_YES}
    return tuple(AtThreshold(name=name, threshold=threshold, unfit=unfit.get(name, "")) for name in SCORES)


def _ratio(part: Array, whole: Array) -> Array:
    share: Array = np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=np.asarray(whole) > 0)
    return share
