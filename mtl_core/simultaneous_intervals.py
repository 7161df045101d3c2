"""Simultaneous one-sided intervals of many differences on the same rows, by the max-t method.

With a hundred differences and an interval of 95% for each, chance alone would find one of them below 0. Here the
maximum of all studentised differences is resampled (Westfall and Young 1993, "Resampling-Based Multiple Testing";
Romano and Wolf 2005). Resamples of whole rows are shared by all differences, so their dependence is taken into account,
and correlated differences cost less than under Bonferroni's correction.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95
"""Probability that no difference of two equal models has an interval below 0."""

WeightedDifference = Callable[[NDArray[np.float64]], float]
"""(rows,) weights -> a difference; NaN where it is undefined."""


def resampled_differences(
    differences: Sequence[WeightedDifference], rows: int, resamples: int, seed: int
) -> NDArray[np.float64]:
    """(resamples, differences) values on the same rows, drawn with replacement."""
    generator = np.random.default_rng(seed)
    values = np.full((resamples, len(differences)), np.nan)
    for row in values if differences else ():
        weights = np.bincount(generator.integers(rows, size=rows), minlength=rows).astype(np.float64)
        row[:] = [difference(weights) for difference in differences]
    return values


def standard_errors(resampled: NDArray[np.float64]) -> NDArray[np.float64]:
    """(resamples, differences) -> (differences,) standard errors, without undefined values; 0 for fewer than two."""
    return np.array([_standard_error(column) for column in resampled.T])


def critical_value(observed: NDArray[np.float64], errors: NDArray[np.float64], resampled: NDArray[np.float64]) -> float:
    """The number of standard errors that the largest of all studentised errors exceeds with probability 1 - LEVEL.

    Args:
        observed: (differences,)
        errors: (differences,) their standard errors.
        resampled: (resamples, differences)
    """
    varying = (errors > 0) & np.isfinite(observed)
    if not varying.any():
        return 0.0
    scores = (observed[varying] - resampled[:, varying]) / errors[varying]
    largest = np.where(np.isfinite(scores), scores, -np.inf).max(axis=1)
    # The order statistic that makes the test exact for exchangeable values (Davison and Hinkley 1997, section 4.2).
    rank = min(len(largest), int(np.ceil(LEVEL * (len(largest) + 1))))
    return float(np.sort(largest)[rank - 1])


def _standard_error(values: NDArray[Any]) -> float:
    defined = values[np.isfinite(values)]
    return float(defined.std(ddof=1)) if defined.size > 1 else 0.0
