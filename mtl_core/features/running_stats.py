"""Mean and variance in one pass over batches (Chan, Golub and LeVeque 1979, eq. 2.1)."""

import numpy as np
from numpy.typing import NDArray


class RunningStats:
    """Running count, mean, deviation and range of finite float64 values, without catastrophic cancellation.

    Mean and deviation of values near the limits of float64 are not finite; the caller must check.
    """

    def __init__(self) -> None:
        self.count, self.mean, self._squares = 0, 0.0, 0.0
        self.low, self.high = np.inf, -np.inf

    def update(self, values: NDArray[np.float64]) -> None:
        """Update with more values."""
        if not values.size:
            return
        count = self.count + values.size
        with np.errstate(over="ignore", invalid="ignore"):
            mean = values.mean()
            shift = mean - self.mean
            self._squares += float(np.square(values - mean).sum() + shift * shift * self.count * values.size / count)
            self.mean += float(shift * values.size / count)
        self.count = count
        self.low, self.high = min(self.low, float(values.min())), max(self.high, float(values.max()))

    @property
    def deviation(self) -> float:
        """The standard deviation (population); 0 where nothing varies."""
        return float(np.sqrt(self._squares / self.count)) if self.count and self.high > self.low else 0.0


class ColumnStats:
    """Running count, mean, deviation and range of each column of (rows, columns) float64, in one pass.

    Values that are not finite are missing. Attributes are (columns,); a column without values has mean 0 and an empty
    range. Mean and deviation of values near the limits of float64 are not finite; the caller must check.
    """

    def __init__(self, columns: int) -> None:
        self.count = np.zeros(columns, dtype=np.int64)
        self.mean, self._squares = np.zeros(columns), np.zeros(columns)
        self.low, self.high = np.full(columns, np.inf), np.full(columns, -np.inf)

    def update(self, values: NDArray[np.float64]) -> None:
        """Update with more rows."""
        finite = np.isfinite(values)
        added = finite.sum(axis=0)
        count = self.count + added
        with np.errstate(over="ignore", invalid="ignore"):
            mean = values.sum(axis=0, where=finite) / np.maximum(added, 1)
            shift = np.where(added > 0, mean - self.mean, 0.0)
            squares = np.square(values - mean).sum(axis=0, where=finite)
            self._squares += squares + shift * shift * self.count * added / np.maximum(count, 1)
            self.mean += shift * added / np.maximum(count, 1)
        self.count = count
        self.low = np.minimum(self.low, values.min(axis=0, initial=np.inf, where=finite))
        self.high = np.maximum(self.high, values.max(axis=0, initial=-np.inf, where=finite))

    @property
    def deviation(self) -> NDArray[np.float64]:
        """The standard deviations (population); 0 where nothing varies."""
        return np.where(self.high > self.low, np.sqrt(self._squares / np.maximum(self.count, 1)), 0.0)
