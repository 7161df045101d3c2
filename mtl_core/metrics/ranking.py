"""Ranking metrics of a score. Rows are sorted once, so that further evaluations with other weights are cheap."""

from dataclasses import dataclass

import numpy as np

from mtl_core.metrics.base import Array, Metric, Value


@dataclass(frozen=True, kw_only=True)
class Auc(Metric):
    """Labels (rows,) 1 or 0 against scores: see `auc`."""

    def undefined(self, labels: Array) -> str:
        return super().undefined(labels) or ("" if len(np.unique(labels)) > 1 else "one class only")

    def on(self, labels: Array, predictions: Array) -> Value:
        return auc(labels, predictions)


@dataclass(frozen=True, kw_only=True)
class AveragePrecision(Metric):
    """Mean precision over the positive rows, each at its own score.

    This is scikit-learn's definition, without interpolation. Undefined without a positive row.
    """

    def undefined(self, labels: Array) -> str:
        return super().undefined(labels) or ("" if (labels == 1).any() else "no positive row")

    def on(self, labels: Array, predictions: Array) -> Value:
        order = np.argsort(-predictions, kind="stable")
        positive, scores = labels[order] == 1, predictions[order]
        last = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)  # of every run of equal scores

        def value(weights: Array | None) -> float:
            each = np.ones(len(order)) if weights is None else weights[order]
            chosen, hits = np.cumsum(each)[last], np.cumsum(each * positive)[last]
            if not hits[-1] > 0:
                return float("nan")
            precision = np.divide(hits, chosen, out=np.zeros(len(last)), where=chosen > 0)
            return float((np.diff(hits, prepend=0.0) * precision).sum() / hits[-1])

        return value


def auc(labels: Array, scores: Array) -> Value:
    """Area under the ROC curve, as a function of weights (Hanley and McNeil 1982).

    The share of pairs of a positive and a negative row in which the positive one scores higher; a tie counts half.

    NaN without a positive or a negative row; rows with labels other than 1 and 0 are ignored.
    """
    positive, negative = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    negative = negative[np.argsort(scores[negative], kind="stable")]
    below, not_above = (np.searchsorted(scores[negative], scores[positive], side=side) for side in ("left", "right"))

    def value(weights: Array | None) -> float:
        both = (positive, negative)
        gains, losses = (np.ones(len(rows)) if weights is None else weights[rows] for rows in both)
        total = np.concatenate([[0.0], np.cumsum(losses)])  # weight of the negative rows below each rank
        pairs = gains.sum() * total[-1]
        # A sum of products, not `@`, which starts threads for that many rows.
        won = (gains * (total[below] + total[not_above])).sum() / 2
        return float(won / pairs) if pairs > 0 else float("nan")

    return value
