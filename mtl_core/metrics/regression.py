"""Regression metrics: (rows,) numbers against (rows,) predictions, both in the target's unit."""

import math
from dataclasses import dataclass

import numpy as np

from mtl_core.metrics.base import Array, Metric, RowMean, WeightedValue


@dataclass(frozen=True, kw_only=True)
class R2(Metric):
    """Coefficient of determination.

    For labels without variance it is 1 where all predictions are exact, else 0; undefined for a single row.
    """

    name: str = "r2"
    higher_is_better: bool = True

    def undefined(self, labels: Array) -> str:
        return super().undefined(labels) or ("" if len(labels) > 1 else "one labelled row only")

    def weighted(self, labels: Array, predictions: Array) -> WeightedValue:
        labels, squares = labels.astype(np.float64), np.square(labels.astype(np.float64) - predictions)

        def value(weights: Array) -> float:
            if len(labels) < 2:
                return float("nan")
            mean = np.average(labels, weights=weights)
            residual, total = (weights * squares).sum(), (weights * np.square(labels - mean)).sum()
            return float(1 - residual / total) if total > 0 else float(residual == 0)

        return value


def _squares(labels: Array, predictions: Array) -> Array:
    return np.asarray(np.square(labels - predictions))


def _deviance(labels: Array, predictions: Array) -> Array:
    """(rows,) Poisson deviance (McCullagh and Nelder 1989, section 2.3); NaN where the rate is not above 0."""
    counts, rates = labels.astype(np.float64), predictions.astype(np.float64)
    rates = np.where(rates > 0, rates, np.nan)
    ratios = np.where(counts > 0, counts / rates, 1.0)
    return np.asarray(2 * (counts * np.log(ratios) - counts + rates))


MAE = RowMean(name="mae", higher_is_better=False, unit="target", rows=lambda y, p: np.abs(y - p))
RMSE = RowMean(name="rmse", higher_is_better=False, unit="target", rows=_squares, transform=math.sqrt)
POISSON_DEVIANCE = RowMean(name="poisson_deviance", higher_is_better=False, rows=_deviance)
