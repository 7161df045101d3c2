"""Mean and variance in one pass over parts (Chan, Golub and LeVeque 1979, eq. 2.1)."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["RunningStats"]


class RunningStats:
    """Running count, mean, deviation and range of finite float64 values; no catastrophic cancellation.

    Near the end of float64's range mean and deviation are not finite: that is for the caller to refuse.
    """

    def __init__(self) -> None:
        self.count, self.mean, self._squares = 0, 0.0, 0.0
        self.low, self.high = np.inf, -np.inf

    def update(self, values: NDArray[np.float64]) -> None:
        """Takes more values; an empty array changes nothing."""
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
