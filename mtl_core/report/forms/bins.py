"""From any number of rows to a few bins, in NumPy: only bins are drawn. Pure functions."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtl_core.report.forms.intervals import wilson

__all__ = ["Bands", "Bins", "Fan", "bands", "calibration_bins", "calibration_error", "fan", "gains", "quantile_edges"]

Array = NDArray[Any]

QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
_TAIL = (0.95, 0.99)
_ROWS = 50
"""A bin should have that many rows."""


@dataclass(frozen=True, kw_only=True)
class Bins:
    """Predicted against observed chance; all (bins,)."""

    predicted: Array
    observed: Array
    low: Array
    high: Array
    rows: Array


@dataclass(frozen=True, kw_only=True)
class Fan:
    """The spread of what happened per bin of predictions."""

    predicted: Array
    """(bins,) mean prediction."""
    actual: Array
    """(bins, quantiles) at QUANTILES."""
    mean: Array
    """(bins,) of what happened."""
    rows: Array


@dataclass(frozen=True, kw_only=True)
class Bands:
    """Predicted quantiles and those of what happened, per bin; both (bins, levels)."""

    predicted: Array
    """Their mean over the bin's rows."""
    actual: Array
    rows: Array


def quantile_edges(values: Array, most: int, tail: tuple[float, ...] = ()) -> Array:
    """Edges of at most `most` bins with equally many rows, and more at the quantiles `tail`; ties share a bin."""
    bins = max(1, min(most, len(values) // _ROWS))
    further = [level for level in tail if (1 - level) * len(values) >= _ROWS]
    levels = sorted({*(np.arange(bins + 1) / bins).tolist(), *further})
    return np.unique(np.quantile(values, levels))


def calibration_bins(chance: Array, hit: Array) -> Bins:
    """(rows,) predicted chances and whether it came true -> bins, finer in the upper tail where rare events live."""
    place, count = _places(chance, quantile_edges(chance, 10, _TAIL))
    rows = np.bincount(place, minlength=count)
    observed = np.bincount(place, weights=hit, minlength=count) / rows
    low, high = wilson(observed, rows)
    predicted = np.bincount(place, weights=chance, minlength=count) / rows
    return Bins(predicted=predicted, observed=observed, low=low, high=high, rows=rows)


def calibration_error(bins: Bins) -> float:
    """Mean distance of predicted and observed chance, bins weighted by their rows (Naeini 2015, equation 3)."""
    return float(np.average(np.abs(bins.predicted - bins.observed), weights=bins.rows))


def gains(chance: Array, hit: Array, points: int = 50) -> tuple[Array, Array]:
    """The top share of rows by predicted chance, and the share of all hits in it; from (0, 0) to (1, 1).

    Rows with the same chance are taken together, so a point may lie at a larger share than it was asked for.
    """
    thresholds = np.unique(np.quantile(chance, np.arange(points) / points, method="lower"))
    place = np.searchsorted(thresholds, chance, side="right") - 1
    rows, hits = (np.bincount(place, weights=w, minlength=len(thresholds)) for w in (None, hit))
    taken, found = np.cumsum(rows[::-1]) / len(chance), np.cumsum(hits[::-1]) / hit.sum()
    return np.concatenate([[0.0], taken]), np.concatenate([[0.0], found])


def fan(predictions: Array, actual: Array) -> Fan:
    """(rows,) predictions and what happened -> quantiles of the latter per bin of the former."""
    place, count = _places(predictions, quantile_edges(predictions, 20))
    rows, groups = _grouped(place, count, actual)
    predicted, mean = (np.bincount(place, weights=w, minlength=count) / rows for w in (predictions, actual))
    quantiles = np.stack([np.quantile(group, QUANTILES) for group in groups])
    return Fan(predicted=predicted, actual=quantiles, mean=mean, rows=rows)


def bands(predictions: Array, actual: Array, levels: Array, middle: int) -> Bands:
    """(rows, levels) predicted quantiles and (rows,) what happened -> both per bin of the quantile at `middle`.

    An observed quantile is a value that happened, the least that as large a share is not above.
    """
    place, count = _places(predictions[:, middle], quantile_edges(predictions[:, middle], 12))
    rows, groups = _grouped(place, count, actual)
    sums = np.stack([np.bincount(place, weights=line, minlength=count) for line in predictions.T], axis=1)
    happened = [np.quantile(group, levels, method="inverted_cdf") for group in groups]
    return Bands(predicted=sums / rows[:, None], actual=np.stack(happened), rows=rows)


def _grouped(place: Array, count: int, values: Array) -> tuple[Array, list[Array]]:
    """How many rows each bin has, and their values."""
    order, rows = np.argsort(place, kind="stable"), np.bincount(place, minlength=count)
    return rows, np.split(values[order], np.cumsum(rows)[:-1])


def _places(values: Array, edges: Array) -> tuple[Array, int]:
    """Each value's bin, numbered without gaps, and how many bins there are."""
    raw = np.searchsorted(edges[1:-1], values, side="right")
    used, place = np.unique(raw, return_inverse=True)
    return place, len(used)
