"""Comparison of sharing with single-task training, task by task: the study's file, and the statistics in it.

The interval is the bootstrap's (Efron 1979), of two samples at once: other test rows, and other seeds.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mtl_core.frozen import Frozen
from mtl_core.metrics import Array
from mtl_core.metrics.bootstrap import interval, resampled
from mtl_core.numbers import Number, defined
from mtl_core.studies.arms import SINGLE_TASK, Arm
from mtl_core.studies.provenance import Provenance
from mtl_core.tasks import Metric

RESAMPLES = 200
BOOSTED = "boosted"
"""The arm of gradient-boosted trees, a model per task."""

Verdict = Literal["sharing helps", "negative transfer", "no difference beyond chance"]
HELPS: Verdict = "sharing helps"
HARMS: Verdict = "negative transfer"
SAME: Verdict = "no difference beyond chance"


class MeanStd(Frozen):
    """Metric of a task on the test split for an arm, over the seeds."""

    mean: Number
    """Over the seeds in which it is defined."""
    std: Number
    """Standard deviation of a seed (n - 1 in the denominator); null where fewer than two are defined."""
    values: tuple[Number, ...]
    """Per seed, in the order of `made.seeds`."""


class Gain(Frozen):
    """Difference of two arms' means, oriented so that above 0 the first is better, with its 95% interval."""

    difference: Number
    low: Number
    high: Number


class ComparedTask(Frozen):
    """Results of a task in its own metric."""

    metric: str
    higher_is_better: bool
    unit: str
    """"" where it has none."""
    arms: dict[str, MeanStd]
    """Arm -> result, for those that have the task: the shared arm first, then single_task, boosted, other policies."""
    over_single: Gain | None
    """Shared less single-task; null where the task has no network of its own."""
    over_boosted: Gain | None
    """Shared less boosted; null where trees were not grown for it."""
    verdict: Verdict | None
    """Verdict of shared against single-task; null where that is undefined."""


class Cost(Frozen):
    """Cost of an arm for all its tasks together."""

    parameters: int | None
    """Number of parameters of all its networks; null for trees."""
    seconds: float
    """Processor seconds to train it with one seed, on average."""
    ms_1: Number = None
    """Median milliseconds in which one thread answers one row; null where it was not measured."""
    ms_1000: Number = None
    """The same for 1,000 rows."""
    bytes: int | None = None
    """Size of its graphs, or of its trees as text."""


class PolicyCourse(Frozen):
    """Course of a task under a stopping policy, with the first seed."""

    validation: tuple[Number, ...]
    """Its metric after each epoch."""
    stopped: tuple[int, ...]
    """The epochs after which it stopped."""
    chosen: int
    """The epoch whose weights are the model."""


class Comparison(Frozen):
    """The study's file."""

    made: Provenance
    shared: Arm
    """The declared stopping policy: the arm that is compared with `single_task`."""
    headline: str
    tasks: dict[str, ComparedTask]
    cost: dict[str, Cost]
    """Arm -> what it costs."""
    courses: dict[str, dict[str, PolicyCourse]]
    """Stopping policy -> task -> its course."""
    notes: tuple[str, ...]
    """Notes on all that was left out, and why."""

    def judged(self, verdict: Verdict) -> tuple[str, ...]:
        """The tasks with that verdict."""
        return tuple(name for name, task in self.tasks.items() if task.verdict == verdict)


@dataclass(frozen=True, kw_only=True)
class BootstrapSample:
    """Metric of an arm on a task, and its values on resampled rows."""

    values: NDArray[np.float64]
    """(seeds,) the metric on the test split."""
    draws: NDArray[np.float64]
    """(seeds, resamples) the metric on resampled rows, the same rows for every seed and every arm."""


def bootstrap_sample(
    metric: Metric, labels: Array, predictions: Sequence[Array], resamples: int = RESAMPLES
) -> BootstrapSample:
    """From (rows, ...) labels of the labelled rows, and each seed's predictions for them."""
    return BootstrapSample(
        values=np.array([metric(labels, predicted) for predicted in predictions]),
        draws=np.stack([resampled(metric, labels, predicted, resamples=resamples) for predicted in predictions]),
    )


def gain(metric: Metric, ours: BootstrapSample, theirs: BootstrapSample, seed: int = 0) -> Gain:
    """Ours less theirs; the two have the same number of seeds.

    Each resample of the rows is combined with seeds drawn with replacement, for each arm by itself. Every pair of draws
    counts in both orders, so that exchanging the arms turns the signs and nothing else.
    """
    seeds, resamples = ours.draws.shape
    first, second = np.random.default_rng(seed).integers(seeds, size=(2, resamples, seeds))
    differences = [
        _mean_of(ours, picked) - _mean_of(theirs, others) for picked, others in ((first, second), (second, first))
    ]
    difference = metric.oriented(float(ours.values.mean() - theirs.values.mean()))
    if not np.isfinite(difference):
        return Gain(difference=None, low=None, high=None)
    low, high = sorted(metric.oriented(bound) for bound in interval(np.concatenate(differences)))
    return Gain(difference=difference, low=defined(low), high=defined(high))


def verdict(found: Gain | None) -> Verdict | None:
    """Verdict that the interval gives; None where there is no interval."""
    if found is None or found.low is None or found.high is None:
        return None
    return HELPS if found.low > 0 else HARMS if found.high < 0 else SAME


def mean_std(values: Sequence[Number]) -> MeanStd:
    """Mean and standard deviation of a metric over seeds."""
    known = [value for value in values if value is not None]
    return MeanStd(
        mean=statistics.fmean(known) if known else None,
        std=statistics.stdev(known) if len(known) > 1 else None,
        values=tuple(values),
    )


def headline(tasks: Mapping[str, ComparedTask], cost: Mapping[str, Cost], shared: str) -> str:
    """The study in a sentence or two."""
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
        parts.append(f"makes no difference beyond chance to {len(names[SAME])}" + ("" if parts else of))
    said = ", ".join(parts[:-1]) + (" and " if len(parts) > 1 else "") + parts[-1]
    return f"Sharing {said}. {_cost_words(cost[shared], cost[SINGLE_TASK])}"


def _cost_words(shared: Cost, single: Cost) -> str:
    """Cost of the shared network as a share of that of the single-task networks together."""
    pairs = {
        "parameters": (shared.parameters, single.parameters),
        "training time": (shared.seconds, single.seconds),
        "time to serve 1,000 rows": (shared.ms_1000, single.ms_1000),
    }
    ratios = [f"{ours / theirs:.0%} of the {what}" for what, (ours, theirs) in pairs.items() if ours and theirs]
    return f"The one network takes {', '.join(ratios[:-1])} and {ratios[-1]} of the single-task networks together."


def _mean_of(arm: BootstrapSample, picked: NDArray[np.int64]) -> NDArray[np.float64]:
    """(resamples, seeds) numbers of seeds -> (resamples,) means over them, each on its own rows."""
    return np.asarray(np.take_along_axis(arm.draws.T, picked, axis=1).mean(axis=1))
