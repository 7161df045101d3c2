"""Intervals that hold where there are few rows or few hits: for a share, and for an AUC. Pure functions."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["newcombe", "wilson"]

Array = NDArray[Any]

_Z = 1.96
"""Standard errors to either side of a 95% interval."""
_HALVINGS = 40


def wilson(share: Array, rows: Array, z: float = _Z) -> tuple[Array, Array]:
    """95% interval of a share (Wilson 1927), which stays within [0, 1] where there are few rows or few hits."""
    centre = (share + z**2 / (2 * rows)) / (1 + z**2 / rows)
    half = z / (1 + z**2 / rows) * np.sqrt(share * (1 - share) / rows + z**2 / (4 * rows**2))
    # Rounding may leave a bound that must be 0 or 1 a hair beyond it.
    return np.clip(centre - half, 0, 1), np.clip(centre + half, 0, 1)


def newcombe(auc: Array, yes: Array, no: Array) -> tuple[Array, Array]:
    """95% interval of an AUC that was measured on so many yes and no (Newcombe 2006, part 2, method 5).

    Its bounds are the AUCs from which the measured one is 1.96 standard errors away, by Hanley and McNeil's variance
    (1982) with the mean of both sizes in place of each. It stays within [0, 1], and has a width at an AUC of 1.
    """
    pairs, others = yes * no, (yes + no) / 2 - 1

    def distance(bound: Array) -> Array:
        variance = bound * (1 - bound) * (1 + others * ((1 - bound) / (2 - bound) + bound / (1 + bound))) / pairs
        return np.asarray(np.abs(auc - bound) - _Z * np.sqrt(variance))

    return _where_zero(distance, np.zeros_like(auc), auc), _where_zero(distance, np.ones_like(auc), auc)


def _where_zero(distance: Callable[[Array], Array], outside: Array, inside: Array) -> Array:
    """Halves towards the point where the distance, 0 or more outside and 0 or less inside, changes its sign."""
    for _ in range(_HALVINGS):
        middle = (outside + inside) / 2
        too_far = distance(middle) > 0
        outside, inside = np.where(too_far, middle, outside), np.where(too_far, inside, middle)
    return inside
