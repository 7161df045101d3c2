"""Better, equal or worse: the shared network and a peer on the same test rows, beyond noise.

The difference in a task's own metric counts where it is above twice the root of the sum of two variances: of the paired
difference over resampled test rows, and of each side's value over its seeds, divided by their number.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mtl_core.metrics import Metric
from mtl_core.metrics.bootstrap import resampled

Verdict = Literal["better", "equal", "worse"]
RESAMPLES = 200
DEVIATIONS = 2.0
LIMIT = 1.5
"""Largest ratio of a task's error to the best peer's."""


@dataclass(frozen=True)
class Measured:
    """A method's predictions for the labelled test rows of a task, per seed, and the task's own metric of them."""

    metric: Metric
    labels: NDArray[np.generic]
    predictions: Sequence[NDArray[np.float64]]

    @cached_property
    def values(self) -> NDArray[np.float64]:
        """Metric on the test split per seed, (seeds,)."""
        return np.array([self.metric(self.labels, each) for each in self.predictions])

    @cached_property
    def draws(self) -> NDArray[np.float64]:
        """(resamples,) means over the seeds; the rows of a resample are the same for every method."""
        found = [resampled(self.metric, self.labels, each, resamples=RESAMPLES) for each in self.predictions]
        return np.mean(found, axis=0)


def judge(own: Measured, peer: Measured) -> Verdict:
    """The verdict on the side of `own`."""
    difference = own.metric.oriented(own.values.mean() - peer.values.mean())
    paired = own.draws - peer.draws
    variance = np.var(paired[np.isfinite(paired)], ddof=1) + seed_variance(own.values) + seed_variance(peer.values)
    if abs(difference) <= DEVIATIONS * np.sqrt(variance):
        return "equal"
    return "better" if difference > 0 else "worse"


def seed_variance(values: NDArray[np.float64]) -> float:
    """Variance of the mean over seeds; 0 for one seed, which says nothing of it."""
    return float(np.var(values, ddof=1) / len(values)) if len(values) > 1 else 0.0


def error_ratio(own: Measured, peers: Sequence[Measured]) -> float:
    """The network's error over the best peer's; a metric of which more is better, up to 1, is an error of 1 less it."""
    errors = [1 - found.values.mean() if found.metric.higher_is_better else found.values.mean() for found in peers]
    mine = 1 - own.values.mean() if own.metric.higher_is_better else own.values.mean()
    return float(mine / max(min(errors), 1e-12))
