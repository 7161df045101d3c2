"""Comparison of the draft of `mtl init` with single-task LightGBM, CatBoost, XGBoost, TabM and RealMLP.

    python benchmarks/out_of_the_box.py [--half chosen] [--problems ...] [--methods ...] [--seeds 3] [--processes 2]

For every problem of benchmarks/suite the declaration that `mtl init` drafts trains as it is, once per seed; a peer
learns each task alone, once, with the raw columns. All stop on the same validation rows and are judged on the same test
rows. A training uses one thread, is kept under .trunkline/benchmarks, and is made again where its code, its declaration
or its rows have changed. TabM and RealMLP, which are slow on processors, take part by the rule in SLOW.

Prints per task and peer whether the network is better (▲), equal or worse (▼) beyond noise by the task's own metric,
the counts, and as the last line one JSON object. benchmarks/results/out_of_the_box.json has all metrics, a task's own
first: a list of {problem, half, task, metric, higher_is_better, method, seed, value, seconds}. The processor seconds of
the network are split evenly among its tasks. Beside it out_of_the_box.verdicts.json has {problem, half, task, peer,
verdict}, and out_of_the_box.made.json how they were made; benchmarks/suite_table.py prints both as Markdown.
"""

import argparse
import json
import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np
from out_of_the_box_runs import METHODS, OWN, Run, predictions, run, runs_of
from out_of_the_box_table import TaskFound, show
from out_of_the_box_verdicts import Measured
from peer_environments import environment
from problems import ROOT
from rich.console import Console
from suite import problems
from suite_table import RESULTS, VERDICTS
from untouched import Untouched, untouched

from flows.provenance import provenance_of
from mtl_core.files import write_text

__all__ = ["RESULTS", "SLOW", "tasks_of"]

SLOW = {"tabm": 3_500, "realmlp": 3_500}
"""Method -> training rows up to which a problem takes part: with its first and its last task, which often are of two
kinds. So the whole table is made within two hours on two cores. TabM takes part with regressions alone: pytabkit 1.8.0
stops its classifiers on the cross-entropy of probabilities that are taken for logits, which favours overconfident ones.
"""


def tasks_of(problem: Untouched, method: str) -> tuple[int, ...]:
    """Numbers of the tasks that the method learns."""
    tasks = list(range(len(problem.tasks)))
    if method not in SLOW:
        return tuple(tasks)
    if method == "tabm":
        tasks = [place for place in tasks if problem.tasks[place].codec.kind == "regression"]
    few = len(problem.splits.train) <= SLOW[method]
    return tuple(sorted({tasks[0], tasks[-1]})) if tasks and few else ()


def _runs(found: Sequence[Untouched], methods: Sequence[str], seeds: int) -> Iterator[Run]:
    """The longest first, so that no process waits at the end."""
    for method in sorted(methods, key=list(METHODS).index, reverse=True):
        for problem in found:
            for seed in range(seeds if method == OWN else 1):
                if tasks := tasks_of(problem, method):
                    yield runs_of(problem, method, seed, tasks)


def _train(runs: Sequence[Run], processes: int) -> None:
    waiting = [each for each in runs if each.missing]
    for peer in {METHODS[each.method] for each in waiting} - {""}:
        environment(peer)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        jobs = {pool.submit(run, each): each for each in waiting}
        for number, job in enumerate(as_completed(jobs), 1):
            each = jobs[job]
            words = f"{each.problem.name}: {each.method}, seed {each.seed}"
            if job.exception():
                pool.shutdown(wait=False, cancel_futures=True)
            print(f"[{number}/{len(jobs)}] {words}: {job.result():.1f} processor seconds", flush=True)


def _collect(problem: Untouched, runs: Sequence[Run]) -> tuple[list[TaskFound], list[dict[str, Any]]]:
    """Collect the results of a problem: per task, and as the rows of RESULTS."""
    found, rows = [], []
    for place, task in enumerate(problem.tasks):
        labels = problem.splits.test.flat_labels(task.name).numpy()
        known = task.codec.labelled(labels)
        if reason := task.metric.undefined(labels[known]):
            raise SystemExit(
                f"{problem.name}: the test labels of {task.name!r} must define its metric, found: {reason}"
            )
        said: dict[str, list[np.ndarray]] = {}
        seconds: dict[str, list[float]] = {}
        for each in runs:
            for path in (path for number, path in each.files if number == place and path.exists()):
                predicted, spent = predictions(path)
                said.setdefault(each.method, []).append(predicted[known])
                seconds.setdefault(each.method, []).append(spent)
                for metric in sorted(task.metrics, key=lambda metric: metric.name != task.metric.name):
                    row = {"problem": problem.name, "half": problem.suite.half, "task": task.name}
                    row |= {"metric": metric.name, "higher_is_better": metric.higher_is_better, "method": each.method}
                    value = float(metric(labels[known], predicted[known]))
                    rows.append(row | {"seed": each.seed, "value": value, "seconds": round(spent, 3)})
        measured = {name: Measured(task.metric, labels[known], values) for name, values in said.items()}
        means = {name: float(np.mean(values)) for name, values in seconds.items()}
        found.append(TaskFound(problem.name, problem.suite.half, task.name, measured, means))
    return found, rows


def _keep(rows: list[dict[str, Any]], found: Sequence[Untouched], methods: Sequence[str], seeds: int) -> None:
    """Put rows in the place of those that the file has of the same problem and method, and their records beside it."""
    made = RESULTS.with_suffix(".made.json")
    records = json.loads(made.read_text(encoding="utf-8")) if made.exists() else {}
    for problem in found:
        name = problem.name
        command = f"python benchmarks/out_of_the_box.py --problems {name} --methods {' '.join(methods)} --seeds {seeds}"
        records[name] = provenance_of(command, range(seeds), ROOT, problem.problem).model_dump()
    write_text(made, json.dumps(records, indent=1) + "\n")
    _merge(RESULTS, rows, "method")


def _merge(path: Path, rows: Sequence[dict[str, Any]], method: str) -> None:
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    new = {(row["problem"], row[method]) for row in rows}
    after = [*(row for row in before if (row["problem"], row[method]) not in new), *rows]
    after.sort(key=lambda row: (row["problem"], list(METHODS).index(row[method]), row.get("seed", 0)))
    write_text(path, "[\n" + ",\n".join(json.dumps(row) for row in after) + "\n]\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    listed = {problem.name: problem for problem in problems()}
    parser.add_argument("--problems", nargs="+", choices=list(listed))
    parser.add_argument("--half", choices=("chosen", "unseen", "in full"), help="both halves where nothing is given")
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--seeds", type=int, default=3, help="of the network; peers are trained once")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--no-table", action="store_true", help="train and keep; show and write nothing")
    arguments = parser.parse_args()
    halves = [arguments.half] if arguments.half else ["chosen", "unseen"]
    chosen = [one for one in listed.values() if one.half in halves]
    if arguments.problems:
        chosen = [listed[name] for name in arguments.problems]
    found = [untouched(problem) for problem in chosen]
    runs = list(_runs(found, arguments.methods, arguments.seeds))
    _train(runs, arguments.processes)
    if arguments.no_table:
        return
    tasks: list[TaskFound] = []
    rows: list[dict[str, Any]] = []
    for problem in found:
        of_problem = _collect(problem, [each for each in runs if each.problem is problem])
        tasks, rows = tasks + of_problem[0], rows + of_problem[1]
    _keep(rows, found, arguments.methods, arguments.seeds)
    _merge(VERDICTS, [row for task in tasks for row in task.rows], "peer")
    show(tasks, Console(width=170))


if __name__ == "__main__":
    main()
