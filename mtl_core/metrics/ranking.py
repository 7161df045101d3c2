"""Ranking metrics of a score. Rows are sorted once, so that further evaluations with other weights are cheap."""

from dataclasses import dataclass

import numpy as np

from mtl_core.metrics.base import Array, Metric, WeightedValue, needs_positive, needs_two_classes


@dataclass(frozen=True, kw_only=True)
class Auc(Metric):
    """Labels (rows,) 1 or 0 against scores: see `auc`."""

    name: str = "auc"
    higher_is_better: bool = True

    def undefined(self, labels: Array) -> str:
        return super().undefined(labels) or needs_two_classes(labels)

    def weighted(self, labels: Array, predictions: Array) -> WeightedValue:
        return auc(labels, predictions)


@dataclass(frozen=True, kw_only=True)
class AveragePrecision(Metric):
    """Mean precision over the positive rows, each at its own score.

    This is scikit-learn's definition, without interpolation. Undefined without a positive row.
    """

    name: str = "average_precision"
    higher_is_better: bool = True

    def undefined(self, labels: Array) -> str:
        return super().undefined(labels) or needs_positive(labels)

    def weighted(self, labels: Array, predictions: Array) -> WeightedValue:
        order = np.argsort(-predictions, kind="stable")
        positive, scores = labels[order] == 1, predictions[order]
        last = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)  # of each run of equal scores

        def value(weights: Array) -> float:
            sorted_weights = weights[order]
            retrieved, hits = np.cumsum(sorted_weights)[last], np.cumsum(sorted_weights * positive)[last]
            if not hits[-1] > 0:
                return float("nan")
            precision = np.divide(hits, retrieved, out=np.zeros(len(last)), where=retrieved > 0)
            return float((np.diff(hits, prepend=0.0) * precision).sum() / hits[-1])

        return value


def auc(labels: Array, scores: Array) -> WeightedValue:
    """Area under the ROC curve, as a function of weights (Hanley and McNeil 1982).

    The share of pairs of a positive and a negative row in which the positive one scores higher; a tie counts half. NaN
    without a positive or a negative row; rows with labels other than 1 and 0 are ignored.
    """
    positive, negative = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    negative = negative[np.argsort(scores[negative], kind="stable")]
    below, not_above = (np.searchsorted(scores[negative], scores[positive], side=side) for side in ("left", "right"))

    def value(weights: Array) -> float:
        positive_weights = weights[positive]
        total = np.concatenate([[0.0], np.cumsum(weights[negative])])  # weight of the negative rows below each rank
        pairs = positive_weights.sum() * total[-1]
        # A sum of products, not `@`, which starts threads for that many rows.
        ordered_pairs = (positive_weights * (total[below] + total[not_above])).sum() / 2
        return float(ordered_pairs / pairs) if pairs > 0 else float("nan")

    return value
