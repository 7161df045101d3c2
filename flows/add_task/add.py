"""`mtl add-task` for a folder: train, export, check, store, promote."""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from flows.add_task.champion import FrozenChampion, check_task, extended_signature, open_champion
from flows.add_task.full_retrain import compare_with_full_retrain, train_all_tasks
from flows.add_task.measure import Candidate, check_unchanged, measure, other_metrics
from flows.add_task.result import AddedTask, TaskMetric
from flows.add_task.rows import PreparedRows, TrunkReader
from flows.console.terminal import open_console
from flows.console.train import TrainProgress
from flows.environment import store_home
from flows.layout import Layout
from flows.pipeline.graph import DIGESTS, bring_up_to_date
from mtl_core.checks import Check, checked_bytes, write_checks
from mtl_core.config import Problem, load_problem
from mtl_core.data.split import SplitName
from mtl_core.errors import CheckFailed, PromotionRefused
from mtl_core.evaluation import MetricValue
from mtl_core.export.added_task import add_task, representation_graph
from mtl_core.export.graph import network_graph
from mtl_core.export.representation import RowTensor
from mtl_core.export.signature import signature
from mtl_core.files import os_errors_with_path, write_bytes, write_text
from mtl_core.gates import gates_off
from mtl_core.graphs.runtime import open_graph
from mtl_core.numbers import finite_or_none
from mtl_core.training import TrainingResult, train
from mtl_core.training.added_head import BLOCK, added_head_problem, representation_encoder, representation_split
from serving.decisions import decide_version
from serving.store import Store

FITTED: tuple[SplitName, ...] = ("train", "validation")
"""The splits on which the head is trained."""


def run_add_task(folder: Path, task: str, *, adapter: bool, compare: bool) -> AddedTask:
    """Add a declared task to the champion and promote the result; call it under `exclusive_run`.

    Until the promotion only a folder of its own and the store change: after a crash the champion is the same, and the
    same command starts again.

    Args:
        compare: also train all tasks, for a comparison.

    Raises:
        ProblemError: the task is not declared, is served already, or cannot be added.
        DataError: there is no champion, or it reads other columns than the problem has.
        ExportError: the champion's graph cannot take the task.
        CheckFailed: the task did not pass its gates; the version is stored as refused.
        PromotionRefused: another version became the champion meanwhile.
    """
    problem = load_problem(folder)
    check_task(problem, task)
    champion = open_champion(folder, problem, task)
    tensors = champion.tensors(task, adapter=adapter)
    for stage in (DIGESTS, "validate"):
        bring_up_to_date(folder, stage)
    with _scratch(folder) as scratch:
        candidate, training = _train(folder, problem, champion, tensors, task, scratch, adapter=adapter)
        compared_rows = check_unchanged(candidate)
        checks, metrics, baseline = measure(candidate)
        if compare:
            train_all_tasks(folder)
        full_retrain, full_retrain_note = compare_with_full_retrain(folder, candidate)
        unchanged = f"every other output equals that of {champion.version} to the bit, on {compared_rows:,} rows"
        return AddedTask(
            task=task,
            version=_promote(folder, candidate, checks, metrics, unchanged),
            champion=champion.version,
            promoted=problem.gates.approval != "required",
            adapter=adapter,
            width=candidate.width,
            parameters=training.parameters,
            epochs=len(training.epochs),
            metrics=tuple(_metric(name, value, baseline[name]) for name, value in metrics.items()),
            checks=tuple(check.to_document() for check in checks),
            unchanged=tuple(output["name"] for output in champion.signature["outputs"]),
            compared_rows=compared_rows,
            full_retrain=full_retrain,
            full_retrain_note=full_retrain_note,
        )


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """An empty folder for this run; what a killed run left there is of another champion, perhaps."""
    path = Layout(folder).added_task
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _train(
    folder: Path,
    problem: Problem,
    champion: FrozenChampion,
    tensors: Sequence[RowTensor],
    task: str,
    scratch: Path,
    *,
    adapter: bool,
) -> tuple[Candidate, TrainingResult]:
    """Train the head; write the new graph and its signature."""
    rows = PreparedRows.prepare(folder, problem, scratch / "rows")
    session = open_graph(representation_graph(champion.model, tensors))
    reader = TrunkReader(session=session, inputs=champion.inputs(rows.encoder), matrices=champion.matrices)
    train_split, validation = (
        representation_split(rows.encoded(name), task, reader.of_file(rows.raw(name), scratch / f"{name}.npy"))
        for name in FITTED
    )
    width = int(train_split.inputs[BLOCK].shape[1])
    alone = added_head_problem(problem, task, adapter=adapter)
    encoder = representation_encoder(rows.encoder, task, width)
    with TrainProgress(alone, encoder, open_console()) as progress:
        network, result = train(alone, encoder, train_split, validation, scratch / "resume", progress)
    layout = Layout(scratch)
    graph = add_task(champion.model, tensors, network_graph(network, encoder), task)
    added = signature(problem, rows.encoder, network.objectives, graph)
    write_bytes(layout.graph, graph)
    write_text(layout.signature, json.dumps(extended_signature(champion.signature, added), indent=1) + "\n")
    candidate = Candidate(
        problem=problem,
        champion=champion,
        rows=rows,
        reader=reader,
        network=network,
        width=width,
        graph=layout.graph,
    )
    return candidate, result


def _promote(
    folder: Path,
    candidate: Candidate,
    checks: Sequence[Check],
    metrics: Mapping[str, MetricValue],
    unchanged: str,
) -> str:
    """Store the graph with its checks, and make it the champion unless it must be approved first; the version."""
    problem, before, home = candidate.problem, candidate.champion.version, store_home(folder)
    (task,) = candidate.network.objectives
    own = {f"{task.name}.{task.metric.name}": metrics[task.metric.name].value}
    path = candidate.graph.parent / "checks.json"
    signature_file = candidate.graph.with_name(Layout(folder).signature.name)
    checked = checked_bytes(candidate.graph.read_bytes(), signature_file.read_bytes())
    write_checks(path, checks, [unchanged, *gates_off(problem.gates)], other_metrics(candidate) | own, checked=checked)
    with os_errors_with_path(home):
        store = Store(home)
        version = store.save(model=candidate.graph.parent, checks=path)
    if failed := [check for check in checks if check.outcome == "failed"]:
        raise CheckFailed(
            f"{len(failed)} of {len(checks)} checks of {version} failed:\n"
            + "\n".join(f"  {check.message}" for check in failed)
            + f"\nchampion {before} keeps serving; try --adapter, `mtl retrain` to train all tasks, or other `gates`; "
            f"to overrule: `mtl promote {version} --overrule`"
        )
    if (current := store.champion(problem.name)) != before:
        raise PromotionRefused(
            f"{version}: must replace the champion that the task was added to, {before}, found {current}, promoted "
            "meanwhile; run the command again"
        )
    if problem.gates.approval == "required":
        reason = f"a task was added: {task.name}"
        decide_version(store, version, "waiting", champion=before, reasons=(reason,))
    else:
        store.promote(version, reason="add-task")
    return version


def _metric(name: str, metric: MetricValue, baseline: MetricValue) -> TaskMetric:
    return TaskMetric(
        name=name,
        value=finite_or_none(metric.value),
        low=finite_or_none(metric.low),
        high=finite_or_none(metric.high),
        baseline=finite_or_none(baseline.value),
    )
