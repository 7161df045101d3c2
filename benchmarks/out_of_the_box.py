"""Comparison of the draft of `mtl init` with single-task LightGBM, CatBoost, XGBoost, TabM and RealMLP.

    python benchmarks/out_of_the_box.py [--half chosen] [--problems ...] [--methods ...] [--seeds 3] [--processes 2]

For every problem of benchmarks/suite the unchanged draft of `mtl init` is trained once per seed; a peer trains one
model per task, once, on the raw columns. All stop on the same validation rows and are evaluated on the same test rows.
A training uses one thread, is cached under .trunkline/benchmarks, and is repeated if its code, its params.yaml or its
rows have changed. TabM and RealMLP, which are slow on CPUs, are limited by the rule in SLOW.

Prints per task and peer whether the network is significantly better (▲), equal or worse (▼) by the task's own metric,
the counts, and as the last line one JSON object. benchmarks/results/out_of_the_box.json has all metrics, a task's own
first: a list of {problem, half, task, metric, higher_is_better, method, seed, value, seconds}. The processor seconds of
the network are split evenly among its tasks. out_of_the_box.verdicts.json has {problem, half, task, peer,
verdict}, and out_of_the_box.provenance.json the provenance; benchmarks/suite_table.py prints both as Markdown.
"""

import argparse
import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import numpy as np
from drafted import DraftedProblem, drafted_problem
from measurement import Row, merge_records, merge_rows
from out_of_the_box_runs import METHODS, TRUNKLINE, TrainingRun, predictions, run, runs_of
from out_of_the_box_table import TaskResult, show
from out_of_the_box_verdicts import MethodResult
from peer_environments import environment
from problems import ROOT
from rich.console import Console
from suite import problems
from suite_table import RESULTS, VERDICTS

from flows.provenance import provenance_of

__all__ = ["RESULTS", "SLOW", "tasks_of"]

SLOW = {"tabm": 3_500, "realmlp": 3_500}
"""Method -> maximum training rows of a problem, of which the first and the last task are used, often of two kinds. This
keeps the whole benchmark within two hours on two cores. TabM is used for regressions only: pytabkit 1.8.0
stops its classifiers on the cross-entropy of probabilities that are taken for logits, which favours overconfident ones.
"""


def tasks_of(problem: DraftedProblem, method: str) -> tuple[int, ...]:
    """Numbers of the tasks that the method is trained on."""
    tasks = list(range(len(problem.tasks)))
    if method not in SLOW:
        return tuple(tasks)
    if method == "tabm":
        tasks = [number for number in tasks if problem.tasks[number].codec.kind == "regression"]
    few = len(problem.splits.train) <= SLOW[method]
    return tuple(sorted({tasks[0], tasks[-1]})) if tasks and few else ()


def _runs(prepared: Sequence[DraftedProblem], methods: Sequence[str], seeds: int) -> Iterator[TrainingRun]:
    """Runs, the slowest methods first, so that no process idles at the end."""
    for method in sorted(methods, key=list(METHODS).index, reverse=True):
        for problem in prepared:
            for seed in range(seeds if method == TRUNKLINE else 1):
                if tasks := tasks_of(problem, method):
                    yield runs_of(problem, method, seed, tasks)


def _train(runs: Sequence[TrainingRun], processes: int) -> None:
    pending = [training for training in runs if training.missing]
    for peer in {METHODS[training.method] for training in pending} - {""}:
        environment(peer)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        jobs = {pool.submit(run, training): training for training in pending}
        for number, job in enumerate(as_completed(jobs), 1):
            training = jobs[job]
            label = f"{training.problem.name}: {training.method}, seed {training.seed}"
            if job.exception():
                pool.shutdown(wait=False, cancel_futures=True)
            print(f"[{number}/{len(jobs)}] {label}: {job.result():.1f} processor seconds", flush=True)


def _collect(problem: DraftedProblem, runs: Sequence[TrainingRun]) -> tuple[list[TaskResult], list[Row]]:
    """Collect the results of a problem: per task, and as the rows of RESULTS."""
    results, rows = [], []
    for number, task in enumerate(problem.tasks):
        labels = problem.splits.test.flat_labels(task.name).numpy()
        labelled = task.codec.labelled(labels)
        if reason := task.metric.undefined(labels[labelled]):
            raise SystemExit(
                f"{problem.name}: the test labels of {task.name!r} must define its metric, found: {reason}"
            )
        predictions_of_method: dict[str, list[np.ndarray]] = {}
        seconds: dict[str, list[float]] = {}
        for training in runs:
            for path in (path for index, path in training.files if index == number and path.exists()):
                predicted, duration = predictions(path)
                predictions_of_method.setdefault(training.method, []).append(predicted[labelled])
                seconds.setdefault(training.method, []).append(duration)
                for metric in sorted(task.metrics, key=lambda metric: metric.name != task.metric.name):
                    row = {"problem": problem.name, "half": problem.suite.half, "task": task.name}
                    row |= {
                        "metric": metric.name,
                        "higher_is_better": metric.higher_is_better,
                        "method": training.method,
                    }
                    value = float(metric(labels[labelled], predicted[labelled]))
                    rows.append(row | {"seed": training.seed, "value": value, "seconds": round(duration, 3)})
        measured = {
            name: MethodResult(task.metric, labels[labelled], values) for name, values in predictions_of_method.items()
        }
        means = {name: float(np.mean(values)) for name, values in seconds.items()}
        results.append(TaskResult(problem.name, problem.suite.half, task.name, measured, means))
    return results, rows


def _store(rows: list[Row], prepared: Sequence[DraftedProblem], methods: Sequence[str], seeds: int) -> None:
    """Replace the rows of the same problems and methods in the file, and write their provenance."""
    records = {}
    for problem in prepared:
        name = problem.name
        command = f"python benchmarks/out_of_the_box.py --problems {name} --methods {' '.join(methods)} --seeds {seeds}"
        records[name] = provenance_of(command, range(seeds), ROOT, problem.problem).model_dump()
    merge_records(RESULTS.with_suffix(".provenance.json"), records)
    _merge(RESULTS, rows, "method")


def _merge(path: Path, rows: Sequence[Row], method: str) -> None:
    """`method`: the key of the rows that has the method."""
    methods = list(METHODS)
    merge_rows(
        *(path, rows, ("problem", method)),
        order=lambda row: (row["problem"], methods.index(row[method]), row.get("seed", 0)),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    listed = {problem.name: problem for problem in problems()}
    parser.add_argument("--problems", nargs="+", choices=list(listed))
    parser.add_argument("--half", choices=("chosen", "unseen", "in full"), help="default: both halves")
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--seeds", type=int, default=3, help="of the network; peers are trained once")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--no-table", action="store_true", help="train and cache only")
    arguments = parser.parse_args()
    halves = [arguments.half] if arguments.half else ["chosen", "unseen"]
    selected = [problem for problem in listed.values() if problem.half in halves]
    if arguments.problems:
        selected = [listed[name] for name in arguments.problems]
    prepared = [drafted_problem(problem) for problem in selected]
    runs = list(_runs(prepared, arguments.methods, arguments.seeds))
    _train(runs, arguments.processes)
    if arguments.no_table:
        return
    tasks: list[TaskResult] = []
    rows: list[Row] = []
    for problem in prepared:
        tasks_of_problem, rows_of_problem = _collect(
            problem, [training for training in runs if training.problem is problem]
        )
        tasks += tasks_of_problem
        rows += rows_of_problem
    _store(rows, prepared, arguments.methods, arguments.seeds)
    _merge(VERDICTS, [row for task in tasks for row in task.rows], "peer")
    show(tasks, Console(width=170))


if __name__ == "__main__":
    main()
