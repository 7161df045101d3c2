"""Trains the arms of the comparison, measures them, and says whether sharing pays."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from safetensors.torch import load_file

from mtl_core.config import Problem
from mtl_core.data.encoder import Encoder
from mtl_core.distillation.single_task import single_task_encoder
from mtl_core.numbers import Number, defined
from mtl_core.studies.arms import SINGLE_TASK, Arm, ArmRun, OnEpoch, Splits, problems_of, weights_of
from mtl_core.studies.boosted import BoostedRun, servers_of
from mtl_core.studies.compared_runs import OnPart, Runs, check_sharing, parts_of, train_arms
from mtl_core.studies.comparison import (
    BOOSTED,
    BootstrapSample,
    ComparedTask,
    Comparison,
    Cost,
    PolicyCourse,
    bootstrap_sample,
    gain,
    headline,
    mean_std,
    verdict,
)
from mtl_core.studies.provenance import Provenance
from mtl_core.studies.serving_cost import graph_of, graphs_server
from mtl_core.tasks import Objective, objectives
from mtl_core.timing import median_ms

ROWS = (1, 1000)
"""Rows of the calls whose time is the serving cost."""


def compare_arms(
    problem: Problem,
    encoder: Encoder,
    splits: Splits,
    raw: pa.Table,
    folder: Path,
    made: Provenance,
    *,
    policies: bool,
    on_part: OnPart = lambda words, number: None,
    on_epoch: OnEpoch = lambda network, epoch: None,
    on_step: Callable[[int, int], None] = lambda step, steps: None,
) -> Comparison:
    """The whole study, with the seeds of `made`; runs that lie finished in `folder` are taken from there.

    `raw` has rows of the test split as a service would be given them; how fast they are answered is the serving cost.
    """
    check_sharing(problem)
    runs = train_arms(
        *(problem, encoder, splits, folder, made.seeds),
        policies=policies,
        on_part=on_part,
        on_epoch=on_epoch,
        on_step=on_step,
    )
    number = parts_of(problem, policies, len(made.seeds)) - 2
    on_part("intervals", number)
    tasks = {task.name: _compared(runs, task) for task in objectives(problem.tasks, encoder.tasks)}
    on_part("serving cost", number + 1)
    cost = _costs(runs, raw)
    return Comparison(
        made=made,
        shared=runs.shared,
        headline=headline(tasks, cost, runs.shared),
        tasks=tasks,
        cost=cost,
        courses={arm: _courses(found[0]) for arm, found in runs.networks.items() if arm != SINGLE_TASK},
        notes=tuple(_notes(runs)),
    )


def _compared(runs: Runs, task: Objective) -> ComparedTask:
    """Numbers of all arms for a task, and its differences."""
    found = {} if task.unsupervised else _drawn(runs, task)
    values: dict[str, list[Number]] = {arm: [defined(value) for value in one.values] for arm, one in found.items()}
    for arm, of_arm in runs.networks.items():
        if arm not in found and task.name in of_arm[0].tasks:
            values[arm] = [run.tasks[task.name].test[task.metric.name] for run in of_arm]
    gains = {
        arm: gain(task.metric, found[runs.shared], found[arm]) if arm in found else None
        for arm in (SINGLE_TASK, BOOSTED)
    }
    return ComparedTask(
        metric=task.metric.name,
        higher_is_better=task.metric.higher_is_better,
        unit=str(task.signature()["unit"]) if task.metric.unit == "target" else task.metric.unit,
        arms={arm: mean_std(of_arm) for arm, of_arm in values.items()},
        over_single=gains[SINGLE_TASK],
        over_boosted=gains[BOOSTED],
        verdict=verdict(gains[SINGLE_TASK]),
    )


def _drawn(runs: Runs, task: Objective) -> dict[str, BootstrapSample]:
    """Arm -> its metric on the task's labelled test rows and on resamples of them, for the arms that have the task."""
    labels = runs.splits.test.flat_labels(task.name)
    known = task.codec.labelled(labels).numpy()
    return {
        arm: bootstrap_sample(task.metric, labels.numpy()[known], [of_seed[task.name][known] for of_seed in per_seed])
        for arm, per_seed in runs.predictions.items()
        if task.name in per_seed[0]
    }


def _costs(runs: Runs, raw: pa.Table) -> dict[str, Cost]:
    """Arm -> its cost; the serving cost is that of the first seed's models."""
    seed = runs.seeds[0]
    graphs: dict[str, list[bytes]] = {arm: _graphs(runs, arm, seed) for arm in (runs.shared, SINGLE_TASK)}
    servers = {arm: graphs_server(found, runs.encoder, raw) for arm, found in graphs.items()}
    sizes = {arm: sum(map(len, found)) for arm, found in graphs.items()}
    if runs.boosted and runs.boosted[0].models:
        place, training = runs.place(BOOSTED, seed), runs.training(seed)
        servers[BOOSTED] = servers_of(runs.boosted[0], runs.encoder, training, runs.splits.test, place)
        sizes[BOOSTED] = runs.boosted[0].bytes
    ms = {rows: median_ms({arm: server(rows) for arm, server in servers.items()}) for rows in ROWS}
    trained: Mapping[str, Sequence[ArmRun | BoostedRun]] = runs.networks | (
        {BOOSTED: runs.boosted} if BOOSTED in sizes else {}
    )
    return {
        arm: Cost(
            parameters=first.parameters if isinstance(first := found[0], ArmRun) else None,
            seconds=float(np.mean([run.seconds for run in found])),
            ms_1=ms[1].get(arm),
            ms_1000=ms[1000].get(arm),
            bytes=sizes.get(arm),
        )
        for arm, found in trained.items()
    }


def _graphs(runs: Runs, arm: Arm, seed: int) -> list[bytes]:
    """The exported graph of each of the arm's networks."""
    return [
        graph_of(
            problem,
            single_task_encoder(name, runs.encoder) if name else runs.encoder,
            load_file(weights_of(runs.place(arm, seed), name)),
        )
        for name, problem in problems_of(arm, runs.problem, seed).items()
    ]


def _courses(run: ArmRun) -> dict[str, PolicyCourse]:
    return {
        name: PolicyCourse(validation=task.validation, stopped=task.stopped, chosen=task.chosen)
        for name, task in run.tasks.items()
    }


def _notes(runs: Runs) -> list[str]:
    """Notes on all that was left out, and why."""
    notes = [
        f"{name}: not compared, since a task that teaches itself has no network of its own"
        for name, task in runs.problem.tasks.items()
        if task.unsupervised
    ]
    if runs.lacking is not None:
        notes.append(
            f'no trees: LightGBM cannot be used here ({runs.lacking}); pip install "trunkline[boosted]" adds it'
        )
    if runs.boosted:
        notes += [f"{name}: no trees: {why}" for name, why in runs.boosted[0].skipped.items()]
    if len(runs.seeds) == 1:
        notes.append("one seed: the intervals know chance in the test rows alone, and nothing of chance in training")
    return notes
