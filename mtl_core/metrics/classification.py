"""Classification metrics.

Binary labels are (rows,) of 0 and 1 against (rows,) probabilities; classes are (rows,) indices against (rows, classes)
probabilities.
"""

from dataclasses import dataclass

import numpy as np

from mtl_core.metrics.base import Array, Metric, RowMean, WeightedValue


def _binary_log_loss(labels: Array, predictions: Array) -> Array:
    probability = np.where(labels == 1, predictions, 1 - predictions.astype(np.float64))
    return np.asarray(-np.log(np.clip(probability, np.finfo(np.float32).eps, 1)))


def _log_loss(labels: Array, predictions: Array) -> Array:
    probability = predictions[np.arange(len(labels)), labels].astype(np.float64)
    return -np.log(np.clip(probability, np.finfo(np.float32).eps, 1))


@dataclass(frozen=True, kw_only=True)
class MacroF1(Metric):
    """Mean of the F1 of the classes that occur or are predicted, with a weight above 0."""

    name: str = "macro_f1"
    higher_is_better: bool = True
    of_decision: bool = True

    def weighted(self, labels: Array, predictions: Array) -> WeightedValue:
        predicted, classes = predictions.argmax(axis=1), predictions.shape[1]
        correct = labels == predicted

        def value(weights: Array) -> float:
            hits = np.bincount(labels[correct], weights[correct], minlength=classes)
            total = np.bincount(labels, weights, minlength=classes) + np.bincount(predicted, weights, minlength=classes)
            return float((2 * hits[total > 0] / total[total > 0]).mean()) if total.any() else float("nan")

        return value


BINARY_LOG_LOSS = RowMean(name="log_loss", higher_is_better=False, rows=_binary_log_loss)
BRIER = RowMean(name="brier", higher_is_better=False, rows=lambda y, p: np.square(p - y))
LOG_LOSS = RowMean(name="log_loss", higher_is_better=False, rows=_log_loss)
ACCURACY = RowMean(name="accuracy", higher_is_better=True, of_decision=True, rows=lambda y, p: p.argmax(axis=1) == y)
