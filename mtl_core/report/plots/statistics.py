"""Statistics behind the plots: bins, groups of classes, intervals."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve
from sklearn.metrics import roc_curve

Array = NDArray[Any]

MIN_BIN_ROWS = 50
_CALIBRATION_BINS = 20
"""Maximum number of bins; each has 5% of the rows, which is where rare events lie in the highest."""
Z_95 = 1.959964
"""Standard errors from the centre of a 95% interval to its ends."""
_BISECTIONS = 40


def quantile_bins(values: Array, max_bins: int) -> list[Array]:
    """Row indices of the bins between equally spaced quantiles. Equal values share a bin; no bin is empty."""
    bins = _bin_count(len(values), max_bins)
    bin_of_row = np.searchsorted(np.quantile(values, np.arange(1, bins) / bins), values, side="right")
    return [np.flatnonzero(bin_of_row == index) for index in np.unique(bin_of_row)]


def calibration_bins(probability: Array, outcome: Array) -> dict[str, Array]:
    """Calibration curve of (rows,) probabilities and 0/1 outcomes.

    Per bin the mean prediction `x`, the observed frequency `y`, its 95% interval from `low` to `high`, and the number
    of `rows`.
    """
    probability = np.clip(probability.astype(np.float64), 0, 1)
    bins = _bin_count(len(probability), _CALIBRATION_BINS)
    observed, predicted = calibration_curve(outcome, probability, n_bins=bins, strategy="quantile")
    edges = np.percentile(probability, np.linspace(0, 1, bins + 1) * 100)  # as in calibration_curve
    rows = np.bincount(np.searchsorted(edges[1:-1], probability))
    rows = rows[rows > 0]
    low, high = wilson(np.rint(observed * rows), rows)
    return {"x": predicted, "y": observed, "low": low, "high": high, "rows": rows}


def _bin_count(rows: int, max_bins: int) -> int:
    return max(1, min(max_bins, rows // MIN_BIN_ROWS))


def gains_curve(probability: Array, outcome: Array) -> tuple[Array, Array]:
    """Share of rows, ranked by probability, and share of all positives in it, from (0, 0) to (1, 1).

    Rows of equal probability count as if in random order. Needs a positive and a negative row.
    """
    positives = float(np.mean(outcome == 1))
    false_positive_rate, true_positive_rate, _ = roc_curve(outcome, probability)
    selected = (1 - positives) * false_positive_rate + positives * true_positive_rate
    grid = np.linspace(0, 1, 51)
    return grid, np.interp(grid, selected, true_positive_rate)


def wilson(successes: Array, rows: Array) -> tuple[Array, Array]:
    """95% intervals of the shares successes / rows (Wilson 1927)."""
    tests = (binomtest(int(k), int(n)) for k, n in zip(successes, rows, strict=True))
    low, high = np.array([test.proportion_ci(method="wilson") for test in tests]).T
    return low, high


def f1_interval(hits: Array, errors: Array) -> tuple[Array, Array]:
    """95% intervals of F1 = 2 hits / (2 hits + errors), where errors are false positives and false negatives.

    From Wilson's intervals of hits / (hits + errors), of which F1 is a rising function (Lam, Gopal and Qian 2023,
    arXiv:2309.14621, the indirect method).
    """
    low, high = (2 * bound / (1 + bound) for bound in wilson(hits, hits + errors))
    return low, high


def auc_interval(auc: Array, positive: Array, negative: Array) -> tuple[Array, Array]:
    """95% intervals of AUCs over that many rows (Newcombe 2006, part 2, method 5); within [0, 1], NaN where undefined.

    The bounds are the AUCs from which the measured one is `Z_95` standard errors away, by the variance of Hanley and
    McNeil (1982) with the mean of both counts in place of each. Wider than 0 at an AUC of 1, unlike the bootstrap.
    """
    pairs, others = positive * negative, (positive + negative) / 2 - 1

    def bound(end: float) -> Array:
        outside, inside = np.full_like(auc, end), auc
        for _ in range(_BISECTIONS):
            mid = (outside + inside) / 2
            factor = 1 + others * ((1 - mid) / (2 - mid) + mid / (1 + mid))
            is_outside = np.abs(auc - mid) > Z_95 * np.sqrt(mid * (1 - mid) * factor / pairs)
            outside, inside = np.where(is_outside, mid, outside), np.where(is_outside, inside, mid)
        return inside

    return bound(0.0), bound(1.0)


def group_rare(classes: Sequence[str], labels: Array, max_groups: int) -> tuple[tuple[str, ...], Array]:
    """The most frequent classes in their order, then a group of all others if there are more than `max_groups`.

    (rows,) class indices -> the names of the groups, and the (classes,) index of each class's group.
    """
    if len(classes) <= max_groups:
        return tuple(classes), np.arange(len(classes))
    counts = np.bincount(labels, minlength=len(classes))
    frequent = np.sort(np.argsort(-counts, kind="stable")[: max_groups - 1])
    group = np.full(len(classes), max_groups - 1)
    group[frequent] = np.arange(max_groups - 1)
    return (*(classes[index] for index in frequent), f"{len(classes) - len(frequent)} others"), group
