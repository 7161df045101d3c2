"""Metrics of predicted quantiles: (rows,) numbers against (rows, levels) quantiles, both in the target's unit."""

import numpy as np

from mtl_core.metrics.base import Array, Metric, RowMean


def pinball(levels: tuple[float, ...]) -> Metric:
    """Pinball loss (Koenker and Bassett 1978, section 3), averaged over the levels."""
    level = np.asarray(levels)

    def rows(labels: Array, predictions: Array) -> Array:
        residuals = _residuals(labels, predictions)
        return np.asarray(np.maximum(level * residuals, (level - 1) * residuals).mean(axis=1))

    return RowMean(name="pinball", higher_is_better=False, unit="target", rows=rows)


def interval_score(low: float, high: float) -> Metric:
    """Interval score (Gneiting and Raftery 2007, eq. 43) of the outermost two levels.

    The levels need not be symmetric. The score is the interval's width, plus a penalty for every label outside it.
    """

    def rows(labels: Array, predictions: Array) -> Array:
        above_low, above_high = _residuals(labels, predictions[:, [0, -1]]).T
        penalties = np.maximum(-above_low, 0) / low + np.maximum(above_high, 0) / (1 - high)
        return np.asarray(above_low - above_high + penalties)

    return RowMean(name="interval_score", higher_is_better=False, unit="target", rows=rows)


def coverage_error(low: float, high: float) -> Metric:
    """Absolute difference of the observed and the nominal share of labels between the outermost two quantiles."""

    def inside(labels: Array, predictions: Array) -> Array:
        return np.asarray((predictions[:, 0] <= labels) & (labels <= predictions[:, -1]))

    return RowMean(
        name="coverage_error", higher_is_better=False, rows=inside, transform=lambda share: abs(share - (high - low))
    )


def quantile_mae(level: int) -> Metric:
    """Mean absolute error of the quantile in column `level`."""
    return RowMean(
        name="mae", higher_is_better=False, unit="target", rows=lambda y, p: np.abs(_residuals(y, p)[:, level])
    )


def _residuals(labels: Array, predictions: Array) -> Array:
    """(rows, levels) labels less quantiles."""
    return np.asarray(labels[:, None] - predictions.astype(np.float64))
