"""A comparison that never was: one task that sharing helps, one that it harms, one that it leaves as it was, one that
has no network of its own, one that is undefined.
"""

from collections.abc import Sequence
from typing import Any

from mtl_core.studies.arms import POLICIES
from mtl_core.studies.comparison import (
    ComparedTask,
    Comparison,
    Cost,
    Gain,
    MeanStd,
    PolicyCourse,
    headline,
    mean_std,
    verdict,
)
from mtl_core.studies.provenance import Provenance

__all__ = ["study"]

GAINS = {"helped": (0.02, 0.01, 0.03), "harmed": (-0.5, -0.8, -0.2), "same": (0.001, -0.01, 0.012)}


def study(
    names: Sequence[str] = ("helped", "harmed", "same", "taught by itself", "undefined"),
    *,
    policies: bool = True,
    declaration: str = "",
    seeds: int = 2,
    **changes: Any,
) -> Comparison:
    """A task of each sort, in turn."""
    tasks = {name: _task(place % 5, policies, seeds) for place, name in enumerate(names)}
    cost = {
        "hold": Cost(parameters=10_000, seconds=30.0, ms_1=0.2, ms_1000=4.0, bytes=100_000),
        "single_task": Cost(parameters=40_000, seconds=60.0, ms_1=0.8, ms_1000=10.0, bytes=400_000),
        "boosted": Cost(parameters=None, seconds=5.0, ms_1=1.5, ms_1000=90.0, bytes=3_000_000),
    }
    others = [policy for policy in POLICIES if policies and policy != "hold"]
    cost |= {policy: Cost(parameters=10_000, seconds=31.0) for policy in others}
    made = Provenance(
        command=f"mtl compare --seeds {seeds}",
        commit="",
        seeds=tuple(range(seeds)),
        machine="a machine",
        versions={},
        declaration=declaration,
    )
    found = Comparison(
        made=made,
        shared="hold",
        headline=headline(tasks, cost, "hold"),
        tasks=tasks,
        cost=cost,
        courses={policy: {name: _course(policy) for name in names} for policy in ("hold", *others)},
        notes=("a note",),
    )
    return found.model_copy(update=changes)


def _task(sort: int, policies: bool, seeds: int) -> ComparedTask:
    gains = [*GAINS.values(), None, None]
    gain = None if gains[sort] is None else Gain(difference=gains[sort][0], low=gains[sort][1], high=gains[sort][2])
    if sort == 4:
        gain = Gain(difference=None, low=None, high=None)
    rising = sort != 1
    arms = {arm: _spread(0.8 if rising else 8.0, seeds, sort) for arm in ("hold", "single_task", "boosted")}
    if policies:
        arms |= {arm: _spread(0.79 if rising else 8.1, seeds, sort) for arm in ("joint", "freeze")}
    if sort == 3:
        del arms["single_task"], arms["boosted"]
    return ComparedTask(
        metric="auc" if rising else "mae",
        higher_is_better=rising,
        unit="" if rising else "<b>minutes</b>",
        arms=arms,
        over_single=gain,
        over_boosted=None if sort == 3 else gain,
        verdict=verdict(gain),
    )


def _spread(mean: float, seeds: int, sort: int) -> MeanStd:
    return mean_std([None if sort == 4 else mean + 0.01 * seed for seed in range(seeds)])


def _course(policy: str) -> PolicyCourse:
    late = 0.01 * POLICIES.index(policy)
    return PolicyCourse(validation=(None, 0.7, 0.8, 0.78 + late, 0.77 + 2 * late), stopped=(3,), chosen=4)
