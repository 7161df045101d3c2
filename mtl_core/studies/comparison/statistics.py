"""Statistics of the comparison: differences with intervals, verdicts, and the headline.

The interval is that of the bootstrap (Efron 1979), which resamples test rows and seeds at once.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mtl_core.evaluation import RESAMPLES
from mtl_core.metrics import Array
from mtl_core.metrics.bootstrap import interval, resampled
from mtl_core.numbers import Number, finite_or_none
from mtl_core.studies.comparison.record import (
    HARMS,
    HELPS,
    SAME,
    SINGLE_TASK,
    ComparedTask,
    Cost,
    Gain,
    MeanStd,
    Verdict,
)
from mtl_core.tasks import Metric


@dataclass(frozen=True, kw_only=True)
class BootstrapSample:
    """Metric of an arm on a task, and its values on resampled rows."""

    values: NDArray[np.float64]
    """(seeds,) the metric on the test split."""
    resampled: NDArray[np.float64]
    """(seeds, resamples) the metric on resampled rows, the same rows for every seed and every arm."""

    def means(self, seeds: NDArray[np.int64]) -> NDArray[np.float64]:
        """(resamples, seeds) indices of seeds -> (resamples,) means over them, each on its own resampled rows."""
        return np.asarray(np.take_along_axis(self.resampled.T, seeds, axis=1).mean(axis=1))


def bootstrap_sample(
    metric: Metric, labels: Array, predictions: Sequence[Array], resamples: int = RESAMPLES
) -> BootstrapSample:
    """From (rows, ...) labels of the labelled rows, and each seed's predictions for them."""
    return BootstrapSample(
        values=np.array([metric(labels, predicted) for predicted in predictions]),
        resampled=np.stack([resampled(metric, labels, predicted, resamples=resamples) for predicted in predictions]),
    )


def gain(metric: Metric, arm: BootstrapSample, reference: BootstrapSample, seed: int = 0) -> Gain:
    """Arm minus reference; the two have the same number of seeds.

    Each resample of the rows is combined with seeds that are drawn with replacement, independently for the two. Every
    pair of draws counts in both orders, so that exchanging arm and reference changes the signs only.
    """
    seeds, resamples = arm.resampled.shape
    first, second = np.random.default_rng(seed).integers(seeds, size=(2, resamples, seeds))
    differences = [arm.means(a) - reference.means(b) for a, b in ((first, second), (second, first))]
    difference = metric.oriented(float(arm.values.mean() - reference.values.mean()))
    if not np.isfinite(difference):
        return Gain(difference=None, low=None, high=None)
    low, high = sorted(metric.oriented(bound) for bound in interval(np.concatenate(differences)))
    return Gain(difference=difference, low=finite_or_none(low), high=finite_or_none(high))


def verdict(gain: Gain | None) -> Verdict | None:
    """Verdict by the interval; None if there is no interval."""
    if gain is None or gain.low is None or gain.high is None:
        return None
    return HELPS if gain.low > 0 else HARMS if gain.high < 0 else SAME


def mean_std(values: Sequence[Number]) -> MeanStd:
    """Mean and standard deviation of a metric over seeds."""
    defined_values = [value for value in values if value is not None]
    return MeanStd(
        mean=statistics.fmean(defined_values) if defined_values else None,
        std=statistics.stdev(defined_values) if len(defined_values) > 1 else None,
        values=tuple(values),
    )


def headline(tasks: Mapping[str, ComparedTask], cost: Mapping[str, Cost], shared: str) -> str:
    """The result in a sentence or two."""
    names: dict[Verdict, list[str]] = {HELPS: [], HARMS: [], SAME: []}
    for name, task in tasks.items():
        if task.verdict is not None:
            names[task.verdict].append(name)
    compared = sum(map(len, names.values()))
    if not compared:
        return "No task could be compared: the metrics are undefined on the test split."
    of = f" of {compared} tasks" if compared > 1 else " of 1 task"
    parts = [f"helps {len(names[HELPS])}{of}"] if names[HELPS] else []
    if names[HARMS]:
        count = f"{len(names[HARMS])}" + ("" if parts else of)
        parts.append(f"harms {count} (negative transfer: {', '.join(names[HARMS])})")
    if names[SAME]:
        parts.append(f"makes no significant difference to {len(names[SAME])}" + ("" if parts else of))
    counts = ", ".join(parts[:-1]) + (" and " if len(parts) > 1 else "") + parts[-1]
    return f"Sharing {counts}. {_cost_sentence(cost[shared], cost[SINGLE_TASK])}"


def _cost_sentence(shared: Cost, single: Cost) -> str:
    """Cost of the shared network as a share of that of the single-task networks together."""
    pairs = {
        "parameters": (shared.parameters, single.parameters),
        "training time": (shared.seconds, single.seconds),
        "time to serve 1,000 rows": (shared.ms_1000, single.ms_1000),
    }
    ratios = [f"{a / b:.0%} of the {quantity}" for quantity, (a, b) in pairs.items() if a and b]
    return f"The one network takes {', '.join(ratios[:-1])} and {ratios[-1]} of the single-task networks together."
