"""Synthetic studies: a comparison, the relatedness of tasks, a search for options."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mtl_core.config import SearchRange
from mtl_core.studies.comparison.record import (
    POLICIES,
    ComparedTask,
    Comparison,
    Cost,
    Gain,
    MeanStd,
    PolicyCourse,
)
from mtl_core.studies.comparison.statistics import headline, mean_std, verdict
from mtl_core.studies.provenance import Provenance
from mtl_core.studies.relatedness.grouping import groupings
from mtl_core.studies.relatedness.record import Relatedness, Vectors
from mtl_core.studies.tuning import Measure, Trial, Tuning
from tests.report.problem import IMAGE, NAMES, SCRIPT

GAINS = {"helped": (0.02, 0.01, 0.03), "harmed": (-0.5, -0.8, -0.2), "same": (0.001, -0.01, 0.012)}


def comparison(
    names: Sequence[str] = ("helped", "harmed", "same", "taught by itself", "undefined"),
    *,
    policies: bool = True,
    declaration: str = "",
    seeds: int = 2,
    **changes: Any,
) -> Comparison:
    """Tasks in turn: sharing helps, harms, makes no difference; no network of its own; undefined."""
    tasks = {name: _compared(index % 5, policies, seeds) for index, name in enumerate(names)}
    cost = {
        "hold": Cost(parameters=10_000, seconds=30.0, ms_1=0.2, ms_1000=4.0, bytes=100_000),
        "single_task": Cost(parameters=40_000, seconds=60.0, ms_1=0.8, ms_1000=10.0, bytes=400_000),
        "boosted": Cost(parameters=None, seconds=5.0, ms_1=1.5, ms_1000=90.0, bytes=3_000_000),
    }
    others = [policy for policy in POLICIES if policies and policy != "hold"]
    cost |= {policy: Cost(parameters=10_000, seconds=31.0) for policy in others}
    made = _provenance(f"mtl compare --seeds {seeds}", declaration, seeds)
    found = Comparison(
        made=made,
        shared="hold",
        headline=headline(tasks, cost, "hold"),
        tasks=tasks,
        cost=cost,
        courses={policy: {name: _policy_course(policy) for name in names} for policy in ("hold", *others)},
        notes=("a note",),
    )
    return found.model_copy(update=changes)


def _compared(sort: int, policies: bool, seeds: int) -> ComparedTask:
    gains = [*GAINS.values(), None, None]
    gain = None if gains[sort] is None else Gain(difference=gains[sort][0], low=gains[sort][1], high=gains[sort][2])
    if sort == 4:
        gain = Gain(difference=None, low=None, high=None)
    rising = sort != 1
    arms = {arm: _arm(0.8 if rising else 8.0, seeds, sort) for arm in ("hold", "single_task", "boosted")}
    if policies:
        arms |= {arm: _arm(0.79 if rising else 8.1, seeds, sort) for arm in ("joint", "freeze")}
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


def _arm(mean: float, seeds: int, sort: int) -> MeanStd:
    return mean_std([None if sort == 4 else mean + 0.01 * seed for seed in range(seeds)])


def _policy_course(policy: str) -> PolicyCourse:
    late = 0.01 * POLICIES.index(policy)
    return PolicyCourse(validation=(None, 0.7, 0.8, 0.78 + late, 0.77 + 2 * late), stopped=(3,), chosen=4)


def relatedness(tasks: Sequence[str] = NAMES, *, declaration: str = "", vectors: bool = True) -> Relatedness:
    """Tasks that help their neighbours; the farther apart, the less, until they harm."""
    count = len(tasks)
    apart = np.abs(np.subtract.outer(np.arange(count), np.arange(count)))
    affinity = 0.004 - 0.002 * apart
    upper = {
        a: {b: float(apart[row, row + 1 + index]) for index, b in enumerate(tasks[row + 1 :])}
        for row, a in enumerate(tasks[:-1])
    }
    found = Vectors(distances=upper, map={task: (float(index), 0.5) for index, task in enumerate(tasks)})
    return Relatedness(
        made=_provenance("mtl relate --every 7", declaration),
        tasks=tuple(tasks),
        affinity={a: dict(zip(tasks, line, strict=True)) for a, line in zip(tasks, affinity.tolist(), strict=True)},
        cosine={a: {b: 0.5 - value / 10 for b, value in others.items()} for a, others in upper.items()},
        groupings=groupings(tasks, affinity, count),
        vectors=found if vectors else None,
        probes=1_234,
        seconds=1.0,
    )


SPACE = {
    "training.learning_rate": SearchRange(low=0.001, high=0.1, log=True),
    "model.trunk.dropout": SearchRange(low=0.0, high=0.5),
    "training.batch_size": SearchRange(low=256, high=4096, step=256),
    "model.trunk.widths": SearchRange(choices=([64], [512, 256, 128, 64, 32])),
    "training.finetune_heads": SearchRange(choices=(None, {"epochs": 3, "patience": 2})),
    "training.checkpoint": SearchRange(choices=("mean", SCRIPT, IMAGE)),
}
DECLARED: dict[str, Any] = {
    "training.learning_rate": 0.0005,
    "model.trunk.dropout": 0.1,
    "training.batch_size": 2048,
    "model.trunk.widths": [128],
    "training.finetune_heads": None,
    "training.checkpoint": "mean",
}
OTHER = {
    "training.learning_rate": 0.02,
    "model.trunk.widths": [64],
    "training.finetune_heads": {"epochs": 3, "patience": 2},
}


def trial(number: int, objective: float | None, state: Any = "complete", **more: Any) -> Trial:
    """Trial 0 has the declared options."""
    changes = DECLARED | (OTHER if number else {})
    return Trial(number=number, state=state, changes=changes, objective=objective, worst=objective, **more)


def tuning(*trials: Trial, best: int = 4, declaration: str = "", **more: Any) -> Tuning:
    """Five trials of every state, unless others are given; no metric of `ghost` is defined."""
    values = {name: 0.4 for name in NAMES if name != "ghost"}
    failed = trial(3, None, "failed", why="its options: no")
    five = (trial(0, 0.0), trial(1, -3.0), trial(2, -90.0, "pruned"), failed, trial(4, 1.25, values=values))
    baseline = {
        name: Measure(metric="mae", higher_is_better=False, value=None if name == "ghost" else 0.5, standard_error=0.05)
        for name in NAMES
    }
    made = _provenance("mtl tune --trials 5", declaration)
    found = {"made": made, "space": SPACE, "declared": DECLARED, "baseline": baseline, "best": best} | more
    return Tuning(trials=trials or five, **found)


def _provenance(command: str, declaration: str, seeds: int = 1) -> Provenance:
    return Provenance(
        command=command,
        commit="",
        seeds=tuple(range(seeds)),
        machine="a machine",
        versions={},
        declaration=declaration,
    )
