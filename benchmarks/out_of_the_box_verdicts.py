"""Verdict on the shared network and a peer on the same test rows: significantly better, equal or worse.

A difference in a task's own metric is significant above two standard errors: the square root of the variance of the
paired difference over resampled test rows plus the variance of either mean over seeds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from measurement import error_of
from numpy.typing import NDArray

from mtl_core.metrics import Metric
from mtl_core.metrics.bootstrap import resampled

Verdict = Literal["better", "equal", "worse"]
RESAMPLES = 200
DEVIATIONS = 2.0
LIMIT = 1.5
"""Maximum ratio of a task's error to the best peer's."""


@dataclass(frozen=True)
class MethodResult:
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
        resamples = [
            resampled(self.metric, self.labels, predicted, resamples=RESAMPLES) for predicted in self.predictions
        ]
        return np.mean(resamples, axis=0)


def verdict_of(network: MethodResult, peer: MethodResult) -> Verdict:
    """Verdict on the network."""
    difference = network.metric.oriented(network.values.mean() - peer.values.mean())
    paired = network.draws - peer.draws
    variance = np.var(paired[np.isfinite(paired)], ddof=1) + seed_variance(network.values) + seed_variance(peer.values)
    if abs(difference) <= DEVIATIONS * np.sqrt(variance):
        return "equal"
    return "better" if difference > 0 else "worse"


def seed_variance(values: NDArray[np.float64]) -> float:
    """Variance of the mean over seeds; 0 for one seed, which gives no estimate."""
    return float(np.var(values, ddof=1) / len(values)) if len(values) > 1 else 0.0


def error_ratio(network: MethodResult, peers: Sequence[MethodResult]) -> float:
    """The network's error divided by the best peer's. The error of a metric with maximum 1 is 1 minus the metric."""
    error, *errors = (
        error_of(float(result.values.mean()), result.metric.higher_is_better) for result in (network, *peers)
    )
    return error / max(min(errors), 1e-12)
