"""Expected calibration error: the distance of predicted probabilities and observed frequencies.

Source: Naeini, Cooper and Hauskrecht 2015, equation 3; over bins of equal mass (Nguyen and O'Connor 2015).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mtl_core.metrics.base import Array, Metric, WeightedValue

MAX_BINS = 15
"""Maximum number of bins, as in Guo et al. 2017."""
MIN_ROWS = 100
"""Minimum rows of a bin: noise alone shifts its frequency by up to .04 on average, with 25 rows by up to .08."""
UNSUITABLE = "a constant prediction reaches 0, so it does not distinguish models"

Events = Callable[[Array, Array], tuple[Array, Array, Array]]
"""Labels, predictions -> (events,) rows, (events,) probabilities, (events,) mask of those that occurred."""


@dataclass(frozen=True, kw_only=True)
class CalibrationError(Metric):
    """Mean of |mean probability - frequency| over the bins, weighted by their rows.

    Rows are ranked by probability and divided into bins of equal mass: 15, fewer where they would hold fewer than 100
    rows. Equal probabilities share a bin.
    """

    name: str = "ece"
    higher_is_better: bool = False
    unsuitable: str = UNSUITABLE
    events: Events

    def weighted(self, labels: Array, predictions: Array) -> WeightedValue:
        rows, probabilities, occurred = self.events(labels, predictions)
        order = np.argsort(probabilities, kind="stable")
        rows, sorted_probabilities = rows[order], probabilities[order].astype(np.float64)
        gaps = sorted_probabilities - occurred[order]
        starts = np.flatnonzero(np.diff(sorted_probabilities, prepend=-np.inf))  # of each run of equal probabilities

        def value(weights: Array) -> float:
            event_weights = weights[rows]
            mass = np.add.reduceat(event_weights, starts)
            before = np.cumsum(mass) - mass
            total = before[-1] + mass[-1]
            if not total > 0:
                return float("nan")
            bins = int(min(MAX_BINS, max(1, total // MIN_ROWS)))
            # A run of weight 0 may start at the total weight, beyond the last bin.
            indices = np.minimum(before * bins // total, bins - 1).astype(np.int64)
            sums = np.bincount(indices, np.add.reduceat(event_weights * gaps, starts), minlength=bins)
            return float(np.abs(sums).sum() / total)

        return value


def _positive_events(labels: Array, predictions: Array) -> tuple[Array, Array, Array]:
    return np.arange(len(labels)), predictions, labels == 1


def _top_label_events(labels: Array, predictions: Array) -> tuple[Array, Array, Array]:
    return np.arange(len(labels)), predictions.max(axis=1), predictions.argmax(axis=1) == labels


def _multilabel_events(labels: Array, predictions: Array) -> tuple[Array, Array, Array]:
    rows, columns = np.nonzero(labels >= 0)
    return rows, predictions[rows, columns], labels[rows, columns] == 1


BINARY_ECE = CalibrationError(events=_positive_events)
"""Calibration error of the probability of the positive class."""
TOP_LABEL_ECE = CalibrationError(events=_top_label_events)
"""Calibration error of the probability of the most probable class, an event that occurs where that is the true one."""
MULTILABEL_ECE = CalibrationError(events=_multilabel_events)
"""Calibration error of the probabilities of all known labels of all rows together."""
