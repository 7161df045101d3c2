"""Expected calibration error: the distance of predicted probabilities and observed frequencies.

Source: Naeini, Cooper and Hauskrecht 2015, equation 3; over bins of equal mass (Nguyen and O'Connor 2015).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mtl_core.metrics.base import Array, Metric, Value

MAX_BINS = 15
"""Maximum number of bins, as in Guo et al. 2017."""
MIN_ROWS = 100
"""Minimum rows of a bin: by chance alone a bin of 100 is up to .04 off on average, one of 25 up to .08."""
UNFIT = "a constant prediction reaches 0, so it does not tell models apart"

Events = Callable[[Array, Array], tuple[Array, Array, Array]]
"""Labels, predictions -> (events,) rows, (events,) probabilities, (events,) whether it happened."""


@dataclass(frozen=True, kw_only=True)
class CalibrationError(Metric):
    """Mean of |mean probability - frequency| over the bins, weighted by their rows.

    Rows are ranked by probability and divided into bins of equal mass: 15, fewer where they would hold fewer than 100
    rows. Equal probabilities share a bin.
    """

    name: str = "ece"
    higher_is_better: bool = False
    unfit: str = UNFIT
    events: Events

    def on(self, labels: Array, predictions: Array) -> Value:
        rows, probabilities, happened = self.events(labels, predictions)
        order = np.argsort(probabilities, kind="stable")
        rows, sorted_probabilities = rows[order], probabilities[order].astype(np.float64)
        gaps = sorted_probabilities - happened[order]
        starts = np.flatnonzero(np.diff(sorted_probabilities, prepend=-np.inf))  # of every run of equal probabilities

        def value(weights: Array | None) -> float:
            each = np.ones(len(rows)) if weights is None else weights[rows]
            mass = np.add.reduceat(each, starts)
            before = np.cumsum(mass) - mass
            total = before[-1] + mass[-1]
            if not total > 0:
                return float("nan")
            bins = int(min(MAX_BINS, max(1, total // MIN_ROWS)))
            # A run of weight 0 may start at the total weight, beyond the last bin.
            indices = np.minimum(before * bins // total, bins - 1).astype(np.int64)
            sums = np.bincount(indices, np.add.reduceat(each * gaps, starts), minlength=bins)
            return float(np.abs(sums).sum() / total)

        return value


def _of_yes(labels: Array, predictions: Array) -> tuple[Array, Array, Array]:
    return np.arange(len(labels)), predictions, labels == 1


def _of_the_likeliest(labels: Array, predictions: Array) -> tuple[Array, Array, Array]:
    return np.arange(len(labels)), predictions.max(axis=1), predictions.argmax(axis=1) == labels


def _of_known_labels(labels: Array, predictions: Array) -> tuple[Array, Array, Array]:
    rows, columns = np.nonzero(labels >= 0)
    return rows, predictions[rows, columns], labels[rows, columns] == 1


BINARY_ECE = CalibrationError(events=_of_yes)
"""Calibration error of the probability of a yes."""
TOP_LABEL_ECE = CalibrationError(events=_of_the_likeliest)
"""Calibration error of the probability of the most probable class, which happened where that is the true one."""
MULTILABEL_ECE = CalibrationError(events=_of_known_labels)
"""Calibration error of the probabilities of all known labels of all rows together."""
