"""Bin edges of a piecewise-linear encoding (PLE; Gorishniy, Rubachev and Babenko 2022, section 3.2)."""

import numpy as np
from numpy.typing import NDArray

SIZE = 2**16
"""Size of a sample: its quantiles are within 0.004 of those of the data."""


class ReservoirSample:
    """A uniform sample without replacement of a stream of values, in constant memory; all values while they fit.

    Every value gets a random key; the sample has the values with the smallest keys. It does not depend on the
    boundaries of batches.
    """

    def __init__(self, size: int = SIZE) -> None:
        self.size = size
        self._generator = np.random.default_rng(0)
        self._keys, self._values = np.zeros(0), np.zeros(0)

    def update(self, values: NDArray[np.float64]) -> None:
        """Update with more values."""
        keys = self._generator.random(values.size)
        if self._keys.size == self.size:  # most values are not sampled
            sampled = np.flatnonzero(keys < self._keys.max())
            keys, values = keys[sampled], values[sampled]
        keys, values = np.concatenate([self._keys, keys]), np.concatenate([self._values, values])
        if keys.size > self.size:
            smallest = np.argpartition(keys, self.size)[: self.size]
            keys, values = keys[smallest], values[smallest]
        self._keys, self._values = keys, values

    @property
    def values(self) -> NDArray[np.float64]:
        """(n,) in ascending order."""
        return np.sort(self._values)


def bin_edges(values: NDArray[np.float64], bins: int) -> NDArray[np.float64]:
    """(n,) values -> edges of at most `bins` bins, ascending and distinct; none for fewer than two distinct values.

    The smallest and the largest value are among them. Each bin has about the same number of values. Unlike in the
    paper, the count of a value is capped at a bin's share: plain quantiles would spend most bins on a value that most
    rows have.
    """
    distinct, counts = np.unique(values, return_counts=True)
    if not bins or distinct.size < 2:
        return np.zeros(0)
    weights = counts.astype(np.float64)
    for _ in range(bins):  # capping one weight lowers the cap of the others
        if weights.min() == weights.max():  # fewer values than bins: repeated capping would go to 0
            break
        weights = np.minimum(weights, weights.sum() / bins)
    cumulative = np.cumsum(weights)
    indices = np.searchsorted(cumulative, cumulative[-1] * np.linspace(0, 1, bins + 1)[1:-1])
    return np.unique(np.concatenate([distinct[[0, -1]], distinct[indices]]))


def thin_edges(edges: tuple[float, ...], bins: int) -> tuple[float, ...]:
    """(n,) edges -> at most bins + 1 of them, evenly spaced by index, the first and the last among them.

    None for fewer than two bins, since one bin is the number itself.
    """
    if len(edges) <= bins + 1:
        return edges
    if bins < 2:
        return ()
    return tuple(edges[index] for index in np.linspace(0, len(edges) - 1, bins + 1).round().astype(int))
