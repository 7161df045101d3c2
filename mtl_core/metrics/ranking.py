"""Ranking metrics of a score. Rows are sorted once, so that every further weighting is cheap."""

from dataclasses import dataclass

import numpy as np

from mtl_core.metrics.base import Array, Metric, Value

__all__ = ["Auc", "AveragePrecision", "auc"]


@dataclass(frozen=True, kw_only=True)
class Auc(Metric):
    """Labels (rows,) 1 or 0 against scores: see `auc`."""

    def on(self, labels: Array, predictions: Array) -> Value:
        return auc(labels, predictions)


@dataclass(frozen=True, kw_only=True)
class AveragePrecision(Metric):
    """The mean of precision over the yes, each at its own score (scikit-learn's, without interpolation). Undefined
    without a yes.
    """

    def on(self, labels: Array, predictions: Array) -> Value:
        order = np.argsort(-predictions, kind="stable")
        yes, scores = labels[order] == 1, predictions[order]
        last = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)  # of every run of equal scores

        def value(weights: Array | None) -> float:
            each = np.ones(len(order)) if weights is None else weights[order]
            chosen, hits = np.cumsum(each)[last], np.cumsum(each * yes)[last]
            if not hits[-1] > 0:
                return float("nan")
            precision = np.divide(hits, chosen, out=np.zeros(len(last)), where=chosen > 0)
            return float((np.diff(hits, prepend=0.0) * precision).sum() / hits[-1])

        return value


def auc(labels: Array, scores: Array) -> Value:
    """Area under the ROC curve, as a function of weights: the share of pairs of a positive and a negative row in which
    the positive one scores higher; a tie counts half
    (Hanley and McNeil 1982). NaN without a positive or a negative row; labels other than 1
    and 0 do not count.
    """
    yes, no = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    no = no[np.argsort(scores[no], kind="stable")]
    below, not_above = (np.searchsorted(scores[no], scores[yes], side=side) for side in ("left", "right"))

    def value(weights: Array | None) -> float:
        yes_weights, no_weights = (np.ones(len(rows)) if weights is None else weights[rows] for rows in (yes, no))
        passed = np.concatenate([[0.0], np.cumsum(no_weights)])
        pairs = yes_weights.sum() * passed[-1]
        # A sum of products, not `@`, which starts threads for that many rows.
        won = (yes_weights * (passed[below] + passed[not_above])).sum() / 2
        return float(won / pairs) if pairs > 0 else float("nan")

    return value
