"""Study of shared against single-task training: run every arm, and compare their metrics and costs."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from safetensors.torch import load_file

from mtl_core.config import Problem
from mtl_core.data.encoder import Encoder
from mtl_core.distillation.single_task import single_task_encoder
from mtl_core.numbers import Number, finite_or_none
from mtl_core.studies.comparison.arms import ArmRun, problems_of, weights_path
from mtl_core.studies.comparison.boosted import BoostedRun, boosted_server
from mtl_core.studies.comparison.record import BOOSTED, SINGLE_TASK, Arm, ComparedTask, Comparison, Cost, PolicyRun
from mtl_core.studies.comparison.runs import Runs, run_arms, run_folder
from mtl_core.studies.comparison.serving_cost import graph_of, graphs_server
from mtl_core.studies.comparison.statistics import BootstrapSample, bootstrap_sample, gain, headline, mean_std, verdict
from mtl_core.studies.progress import StudyProgress
from mtl_core.studies.provenance import Provenance
from mtl_core.studies.requirements import check_sharing
from mtl_core.studies.splits import Splits
from mtl_core.tasks import Objective, objectives
from mtl_core.timing import median_ms


def compare_arms(
    problem: Problem,
    encoder: Encoder,
    splits: Splits,
    raw: pa.Table,
    folder: Path,
    provenance: Provenance,
    *,
    policies: bool,
    progress: StudyProgress | None = None,
) -> Comparison:
    """Run the study with the seeds of `provenance`; finished runs are read from `folder`.

    Args:
        raw: test rows as a service receives them, on which the serving cost is measured.
        policies: also run the shared network under every other stopping policy.
    """
    check_sharing(problem, "mtl compare")
    progress = progress or StudyProgress()
    runs = run_arms(problem, encoder, splits, folder, provenance.seeds, policies=policies, progress=progress)
    progress.on_part("intervals", runs.parts - 2, runs.parts)
    tasks = {task.name: _compared_task(runs, task) for task in objectives(problem.tasks, encoder.tasks)}
    progress.on_part("serving cost", runs.parts - 1, runs.parts)
    cost = _costs(runs, raw)
    return Comparison(
        provenance=provenance,
        shared=runs.shared,
        headline=headline(tasks, cost, runs.shared),
        tasks=tasks,
        cost=cost,
        policies={
            arm: {
                name: PolicyRun(validation=task.validation, stopped=task.stopped, chosen=task.chosen)
                for name, task in arm_runs[0].tasks.items()
            }
            for arm, arm_runs in runs.networks.items()
            if arm != SINGLE_TASK
        },
        notes=tuple(_notes(runs)),
    )


def _compared_task(runs: Runs, task: Objective) -> ComparedTask:
    samples = {} if task.unsupervised else _bootstrap_samples(runs, task)
    values: dict[str, list[Number]] = {arm: [*map(finite_or_none, sample.values)] for arm, sample in samples.items()}
    for arm, arm_runs in runs.networks.items():
        if arm not in samples and task.name in arm_runs[0].tasks:
            values[arm] = [run.tasks[task.name].test[task.metric.name] for run in arm_runs]
    gains = {
        arm: gain(task.metric, samples[runs.shared], samples[arm]) if arm in samples else None
        for arm in (SINGLE_TASK, BOOSTED)
    }
    return ComparedTask(
        metric=task.metric.name,
        higher_is_better=task.metric.higher_is_better,
        unit=str(task.signature()["unit"]) if task.metric.unit == "target" else task.metric.unit,
        arms={arm: mean_std(of_seeds) for arm, of_seeds in values.items()},
        over_single=gains[SINGLE_TASK],
        over_boosted=gains[BOOSTED],
        verdict=verdict(gains[SINGLE_TASK]),
    )


def _bootstrap_samples(runs: Runs, task: Objective) -> dict[str, BootstrapSample]:
    """Arm -> its metric on the task's labelled test rows and on resamples of them, for the arms that have the task."""
    all_labels = runs.splits.test.flat_labels(task.name).numpy()
    samples = {}
    for arm, per_seed in runs.predictions.items():
        if task.name in per_seed[0]:
            of_seeds = (predictions[task.name] for predictions in per_seed)
            labels, *selected = task.codec.select_labelled(all_labels, *of_seeds)
            samples[arm] = bootstrap_sample(task.metric, labels, selected)
    return samples


def _costs(runs: Runs, raw: pa.Table) -> dict[str, Cost]:
    """Arm -> its cost; the serving cost is that of the first seed's models."""
    seed = runs.seeds[0]
    graphs = {arm: _graphs(runs, arm, seed) for arm in (runs.shared, SINGLE_TASK)}
    servers = {str(arm): graphs_server(of_arm, runs.encoder, raw) for arm, of_arm in graphs.items()}
    sizes = {str(arm): sum(map(len, of_arm)) for arm, of_arm in graphs.items()}
    all_runs: dict[str, Sequence[ArmRun | BoostedRun]] = {str(arm): of_arm for arm, of_arm in runs.networks.items()}
    if runs.boosted and runs.boosted[0].models:
        models, training = run_folder(runs.folder, BOOSTED, seed), runs.problem.training
        servers[BOOSTED] = boosted_server(runs.boosted[0], runs.encoder, training, runs.splits.test, models)
        sizes[BOOSTED] = runs.boosted[0].bytes
        all_runs[BOOSTED] = runs.boosted
    ms_1, ms_1000 = (median_ms({arm: server(rows) for arm, server in servers.items()}) for rows in (1, 1000))
    return {
        arm: Cost(
            parameters=first.parameters if isinstance(first := arm_runs[0], ArmRun) else None,
            seconds=float(np.mean([run.seconds for run in arm_runs])),
            ms_1=ms_1.get(arm),
            ms_1000=ms_1000.get(arm),
            bytes=sizes.get(arm),
        )
        for arm, arm_runs in all_runs.items()
    }


def _graphs(runs: Runs, arm: Arm, seed: int) -> list[bytes]:
    return [
        graph_of(
            problem,
            single_task_encoder(name, runs.encoder) if name else runs.encoder,
            load_file(weights_path(run_folder(runs.folder, arm, seed), name)),
        )
        for name, problem in problems_of(arm, runs.problem, seed).items()
    ]


def _notes(runs: Runs) -> list[str]:
    """Missing parts of the comparison, with reasons."""
    notes = [
        f"{name}: not compared, an unsupervised task has no single-task network"
        for name, task in runs.problem.tasks.items()
        if task.unsupervised
    ]
    if runs.lightgbm_error is not None:
        notes.append(
            f'no trees: LightGBM cannot be used here ({runs.lightgbm_error}); pip install "trunkline[boosted]" adds it'
        )
    if runs.boosted:
        notes += [f"{name}: no trees: {reason}" for name, reason in runs.boosted[0].skipped.items()]
    if len(runs.seeds) == 1:
        notes.append("one seed: the intervals cover chance in the test rows, and not chance in training")
    return notes
