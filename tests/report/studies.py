"""Synthetic studies: a comparison, the relatedness of tasks, a search for options, a replay."""

import itertools
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
    PolicyRun,
)
from mtl_core.studies.comparison.statistics import headline, mean_std, verdict
from mtl_core.studies.provenance import Provenance
from mtl_core.studies.relatedness.grouping import groupings
from mtl_core.studies.relatedness.record import Relatedness, Vectors
from mtl_core.studies.replay.record import Change, Replay, ReplayedCadence, ReplayedRetrain, ReplayedTask
from mtl_core.studies.tuning import BaselineMetric, Trial, Tuning
from tests.report.problem import IMAGE, NAMES, SCRIPT

GAINS: dict[str, Gain | None] = {
    "helped": Gain(difference=0.02, low=0.01, high=0.03),
    "harmed": Gain(difference=-0.5, low=-0.8, high=-0.2),
    "same": Gain(difference=0.001, low=-0.01, high=0.012),
    "no single-task network": None,
    "undefined": Gain(difference=None, low=None, high=None),
}


def comparison(
    names: Sequence[str] = tuple(GAINS),
    *,
    policies: bool = True,
    digest: str = "",
    seeds: int = 2,
    **changes: Any,
) -> Comparison:
    """A comparison whose tasks have the gains of `GAINS` in turn."""
    cases = zip(names, itertools.cycle(GAINS), strict=False)
    tasks = {name: _compared_task(case, policies, seeds) for name, case in cases}
    cost = {
        "hold": Cost(parameters=10_000, seconds=30.0, ms_1=0.2, ms_1000=4.0, bytes=100_000),
        "single_task": Cost(parameters=40_000, seconds=60.0, ms_1=0.8, ms_1000=10.0, bytes=400_000),
        "boosted": Cost(parameters=None, seconds=5.0, ms_1=1.5, ms_1000=90.0, bytes=3_000_000),
    }
    others = [policy for policy in POLICIES if policies and policy != "hold"]
    cost |= {policy: Cost(parameters=10_000, seconds=31.0) for policy in others}
    provenance = _provenance(f"mtl compare --seeds {seeds}", digest, seeds)
    study = Comparison(
        provenance=provenance,
        shared="hold",
        headline=headline(tasks, cost, "hold"),
        tasks=tasks,
        cost=cost,
        policies={policy: {name: _policy_run(policy) for name in names} for policy in ("hold", *others)},
        notes=("a note",),
    )
    return study.model_copy(update=changes)


def _compared_task(case: str, policies: bool, seeds: int) -> ComparedTask:
    gain, higher_is_better = GAINS[case], case != "harmed"
    arms = {arm: _arm(0.8 if higher_is_better else 8.0, seeds, case) for arm in ("hold", "single_task", "boosted")}
    if policies:
        arms |= {arm: _arm(0.79 if higher_is_better else 8.1, seeds, case) for arm in ("joint", "freeze")}
    if gain is None:
        del arms["single_task"], arms["boosted"]
    return ComparedTask(
        metric="auc" if higher_is_better else "mae",
        higher_is_better=higher_is_better,
        unit="" if higher_is_better else "<b>minutes</b>",
        arms=arms,
        over_single=gain,
        over_boosted=gain,
        verdict=verdict(gain),
    )


def _arm(mean: float, seeds: int, case: str) -> MeanStd:
    return mean_std([None if case == "undefined" else mean + 0.01 * seed for seed in range(seeds)])


def _policy_run(policy: str) -> PolicyRun:
    late = 0.01 * POLICIES.index(policy)
    return PolicyRun(validation=(None, 0.7, 0.8, 0.78 + late, 0.77 + 2 * late), stopped=(3,), chosen=4)


def relatedness(tasks: Sequence[str] = NAMES, *, digest: str = "", vectors: bool = True) -> Relatedness:
    """Affinities that fall with the distance of the tasks, from positive to negative."""
    count = len(tasks)
    distance = np.abs(np.subtract.outer(np.arange(count), np.arange(count)))
    affinity = 0.004 - 0.002 * distance
    upper = {
        a: {b: float(distance[row, row + 1 + index]) for index, b in enumerate(tasks[row + 1 :])}
        for row, a in enumerate(tasks[:-1])
    }
    task_vectors = Vectors(distances=upper, map={task: (float(index), 0.5) for index, task in enumerate(tasks)})
    return Relatedness(
        provenance=_provenance("mtl relate --every 7", digest),
        tasks=tuple(tasks),
        affinity={a: dict(zip(tasks, line, strict=True)) for a, line in zip(tasks, affinity.tolist(), strict=True)},
        cosine={a: {b: 0.5 - value / 10 for b, value in others.items()} for a, others in upper.items()},
        groupings=groupings(tasks, affinity, count),
        vectors=task_vectors if vectors else None,
        measurements=1_234,
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
CHANGED: dict[str, Any] = {
    "training.learning_rate": 0.02,
    "model.trunk.widths": [64],
    "training.finetune_heads": {"epochs": 3, "patience": 2},
}


def trial(number: int, objective: float | None, state: Any = "complete", **more: Any) -> Trial:
    """A trial; trial 0 has the declared options."""
    changes = DECLARED | (CHANGED if number else {})
    return Trial(number=number, state=state, changes=changes, objective=objective, worst=objective, **more)


def tuning(*trials: Trial, best: int = 4, digest: str = "", **more: Any) -> Tuning:
    """A study of five trials of every state, unless others are given; the metric of `ghost` is undefined."""
    values = {name: 0.4 for name in NAMES if name != "ghost"}
    failed = trial(3, None, "failed", error="its options: no")
    five = (trial(0, 0.0), trial(1, -3.0), trial(2, -90.0, "pruned"), failed, trial(4, 1.25, values=values))
    baseline = {
        name: BaselineMetric(
            metric="mae", higher_is_better=False, value=None if name == "ghost" else 0.5, standard_error=0.05
        )
        for name in NAMES
    }
    provenance = _provenance("mtl tune --trials 5", digest)
    fields = {"provenance": provenance, "space": SPACE, "declared": DECLARED, "baseline": baseline, "best": best} | more
    return Tuning(trials=trials or five, **fields)


def _provenance(command: str, digest: str, seeds: int = 1) -> Provenance:
    return Provenance(
        command=command,
        commit="",
        seeds=tuple(range(seeds)),
        machine="a machine",
        versions={},
        config_digest=digest,
    )


def replay(tasks: Sequence[str] = ("late", "minutes"), digest: str = "") -> Replay:
    """Three months with two cadences: one promotion that was worse on the next month, one refusal."""
    worse = Change(champion=0.8, candidate=0.7, difference=-0.1, low=-0.15, high=-0.05)
    same = Change(champion=0.8, candidate=0.8, difference=0.0, low=-0.01, high=0.01)
    times = {"seconds": 60.0, "processor_seconds": 90.0}
    first = ReplayedRetrain(month="2013-04", champion=None, candidate="a:1", outcome="promoted", **times)
    bad = ReplayedRetrain(
        month="2013-05",
        champion="a:1",
        candidate="a:2",
        outcome="promoted",
        **{**times, "next_month": {tasks[0]: worse, tasks[1]: same}},
    )
    refused = ReplayedRetrain(
        month="2013-06",
        champion="a:2",
        candidate="a:3",
        outcome="refused",
        reasons=(SCRIPT,),
        **{**times, "next_month": {tasks[0]: same, tasks[1]: same}},
    )
    scores: dict[str, tuple[float | None, ...]] = {tasks[0]: (0.8, 0.7, 0.75), tasks[1]: (10.0, 9.0, None)}
    return Replay(
        provenance=_provenance("mtl replay --from 2013-04 --cadence 1,3", digest),
        windows={"validation": "1 month", "test": "1 month"},
        months=("2013-04", "2013-05", "2013-06"),
        rows=(100, 110, 120),
        tasks={
            tasks[0]: ReplayedTask(metric="auc", higher_is_better=True),
            tasks[1]: ReplayedTask(metric="mae", higher_is_better=False, unit="<b>minutes"),
        },
        never={tasks[0]: (0.8, 0.8, 0.8), tasks[1]: (10.0, 11.0, None)},
        cadences=(
            ReplayedCadence(months=1, retrains=(first, bad, refused), scores=scores),
            ReplayedCadence(months=3, retrains=(first,), scores=scores),
        ),
    )
