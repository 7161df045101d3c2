"""Bootstrap distribution of a metric over resampled rows (Efron 1979)."""

import numpy as np
from numpy.typing import NDArray

from mtl_core.metrics.base import Metric, Values


def resampled(
    metric: Metric, labels: Values, predictions: Values, *, resamples: int, seed: int = 0
) -> NDArray[np.float64]:
    """(resamples,) values of the metric on rows drawn with replacement; NaN where a resample leaves it undefined.

    Two models on the same rows with the same seed get the same resamples, so that differences are paired.
    """
    generator, rows = np.random.default_rng(seed), len(labels)
    if not rows:
        return np.full(resamples, np.nan)
    value = metric.weighted(labels, predictions)
    counts = (np.bincount(generator.integers(rows, size=rows), minlength=rows) for _ in range(resamples))
    return np.asarray([value(count.astype(np.float64)) for count in counts])


def standard_error(metric: Metric, labels: Values, predictions: Values, *, resamples: int = 30) -> float:
    """The metric's standard error; 0 where fewer than two resamples define it."""
    values = resampled(metric, labels, predictions, resamples=resamples)
    values = values[np.isfinite(values)]
    return float(values.std(ddof=1)) if values.size > 1 else 0.0


def interval(values: NDArray[np.float64], level: float = 0.95) -> tuple[float, float]:
    """Percentile interval of resampled values; NaN bounds where none is defined."""
    values = values[np.isfinite(values)]
    if not values.size:
        return float("nan"), float("nan")
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
