"""Multilabel metrics: (rows, labels) of 1, 0, or -1 for unknown, against probabilities; unknown ones are ignored."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from mtl_core.metrics.base import Array, Metric, RowMean, WeightedValue
from mtl_core.metrics.decisions import decide
from mtl_core.metrics.ranking import auc


@dataclass(frozen=True, kw_only=True)
class MacroAuc(Metric):
    """Mean AUC over the labels that have both positive and negative rows."""

    name: str = "macro_auc"
    higher_is_better: bool = True

    def undefined(self, labels: Array) -> str:
        has_both = (labels == 1).any(axis=0) & (labels == 0).any(axis=0)
        return super().undefined(labels) or ("" if has_both.any() else "no label with both positive and negative rows")

    def weighted(self, labels: Array, predictions: Array) -> WeightedValue:
        curves = [auc(labels[:, label], predictions[:, label]) for label in range(labels.shape[1])]

        return lambda weights: _mean(np.array([curve(weights) for curve in curves]))


@dataclass(frozen=True, kw_only=True)
class LabelF1(Metric):
    """F1 over all labels at once (micro), or the mean over the labels that occur or are predicted (macro)."""

    higher_is_better: bool = True
    of_decision: bool = True
    average: Literal["micro", "macro"]
    thresholds: tuple[float, ...] = (0.5,)
    """The probabilities from which on a label is predicted: one per label, or one for all."""

    def weighted(self, labels: Array, predictions: Array) -> WeightedValue:
        predicted, true = decide(predictions, np.asarray(self.thresholds)), labels == 1
        hits, errors = np.nonzero(predicted & true), np.nonzero((labels >= 0) & (predicted != true))

        def value(weights: Array) -> float:
            hit, error = (np.bincount(label, weights[row], minlength=labels.shape[1]) for row, label in (hits, errors))
            if self.average == "micro":
                hit, error = hit.sum(keepdims=True), error.sum(keepdims=True)
            total = 2 * hit + error
            return _mean(2 * hit[total > 0] / total[total > 0])

        return value


def _log_loss(labels: Array, predictions: Array) -> Array:
    """(rows,) mean log loss over the known labels of a row, which has at least one."""
    known = labels >= 0
    probability = np.where(labels == 1, predictions, 1 - predictions.astype(np.float64))
    losses = -np.log(np.clip(probability, np.finfo(np.float32).eps, 1))
    return np.asarray(np.where(known, losses, 0).sum(axis=1) / known.sum(axis=1))


def _ranking_precision(labels: Array, predictions: Array) -> Array:
    """(rows,) label ranking average precision (Tsoumakas, Katakis and Vlahavas 2010).

    Over the row's positive labels, the mean share of positive ones among the labels ranked at least as high. 1 for a
    row without a positive label.
    """
    known, positive = labels >= 0, labels == 1
    precision = np.zeros(len(labels))
    for label in range(labels.shape[1]):
        rows = np.flatnonzero(positive[:, label])
        as_high = known[rows] & (predictions[rows] >= predictions[rows, label, None])  # (rows with the label, labels)
        precision[rows] += (as_high & positive[rows]).sum(axis=1) / as_high.sum(axis=1)
    count = positive.sum(axis=1)
    return np.where(count > 0, precision / np.maximum(count, 1), 1.0)


def _mean(values: Array) -> float:
    """Mean of the defined values; NaN where there is none."""
    values = values[np.isfinite(values)]
    return float(values.mean()) if values.size else float("nan")


MULTILABEL_LOG_LOSS = RowMean(name="log_loss", higher_is_better=False, rows=_log_loss)
RANKING_PRECISION = RowMean(name="label_ranking_average_precision", higher_is_better=True, rows=_ranking_precision)
