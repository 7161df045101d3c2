"""Record of the comparison of shared with single-task training: metrics, differences and costs."""

from typing import Literal, get_args

from mtl_core.frozen import Frozen
from mtl_core.numbers import Number
from mtl_core.stopping import Policy
from mtl_core.studies.provenance import Provenance

Arm = Literal["joint", "freeze", "hold", "single_task"]
POLICIES: tuple[Policy, ...] = get_args(Policy)
"""Arms with one network for all tasks, which are stopped by that policy."""
SINGLE_TASK: Arm = "single_task"
"""The arm with a network per task, each of the shared network's widths."""
BOOSTED = "boosted"
"""The arm of gradient-boosted trees, separate models per task."""

Verdict = Literal["sharing helps", "negative transfer", "no significant difference"]
HELPS: Verdict = "sharing helps"
HARMS: Verdict = "negative transfer"
SAME: Verdict = "no significant difference"


class MeanStd(Frozen):
    """Metric of a task on the test split for an arm, over the seeds."""

    mean: Number
    """Over the seeds in which it is defined."""
    std: Number
    """Standard deviation of a seed (n - 1 in the denominator); null where fewer than two are defined."""
    values: tuple[Number, ...]
    """Per seed, in the order of `provenance.seeds`."""


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
    """"" if it has none."""
    arms: dict[str, MeanStd]
    """Arm -> result, for those that have the task: the shared arm first, then single_task, boosted, other policies."""
    over_single: Gain | None
    """Shared minus single-task; null where the task has no single-task network."""
    over_boosted: Gain | None
    """Shared minus boosted; null where the task has no trees."""
    verdict: Verdict | None
    """Shared against single-task; null where the difference is undefined."""


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


class PolicyRun(Frozen):
    """Course of a task under a stopping policy, with the first seed."""

    validation: tuple[Number, ...]
    """Its metric after each epoch."""
    stopped: tuple[int, ...]
    """The epochs after which it stopped."""
    chosen: int
    """The epoch whose weights are the model."""


class Comparison(Frozen):
    """The study's file."""

    provenance: Provenance
    shared: Arm
    """The declared stopping policy: the arm that is compared with `single_task`."""
    headline: str
    tasks: dict[str, ComparedTask]
    cost: dict[str, Cost]
    """Per arm."""
    policies: dict[str, dict[str, PolicyRun]]
    """Stopping policy -> task -> its course."""
    notes: tuple[str, ...]
    """Missing parts of the comparison, with reasons."""

    def tasks_with(self, verdict: Verdict) -> tuple[str, ...]:
        """Names of the tasks with that verdict."""
        return tuple(name for name, task in self.tasks.items() if task.verdict == verdict)
