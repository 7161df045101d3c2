"""Comparison of the declared network over several seeds with trees per task, for census.py and flights.py."""

import argparse
import json
import statistics
from collections.abc import Callable
from contextlib import AbstractContextManager

from configurations import CONFIGURATIONS, DECLARED, TREES, Changes, with_changes
from problems import FOLDERS, Prepared, prepared
from quality import Row, folder_of, measure, measure_trees
from rich.console import Console
from rich.table import Table
from ruamel.yaml import YAML

from mtl_core.config import Problem
from mtl_core.evaluation import baseline_predictions, evaluate

Summary = dict[str, dict[str, dict[str, float]]]


def main(name: str, purpose: str | None) -> None:
    """Measure the problem with the arguments of the command line, and print a table and a line of JSON."""
    parser = argparse.ArgumentParser(description=purpose, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", help="another value in params.yaml")
    arguments = parser.parse_args()
    yaml = YAML(typ="safe", pure=True)
    changes: Changes = {
        path: yaml.load(value) for path, _, value in (assignment.partition("=") for assignment in arguments.set)
    }
    console, rows = Console(width=130), []
    with _changed(name, lambda problem: changes) as problem:
        for seed in range(arguments.seeds):
            rows += measure(problem, seed, folder_of(name, "changed" if changes else DECLARED) / str(seed))
            console.print(f"seed {seed}: {rows[-1]['epochs']} epochs, {rows[-1]['seconds']:.0f} processor seconds")
        baseline = _baseline(problem)
    with _changed(name, CONFIGURATIONS[name][TREES]) as problem:
        trees = {row["task"]: row["test"] for row in measure_trees(problem, folder_of(name, TREES))}
    console.print(_table(rows, baseline, trees, arguments.seeds))
    print(json.dumps({"test": _summary(rows)}))


def _changed(name: str, changes_of: Callable[[Problem], Changes]) -> AbstractContextManager[Prepared]:
    return prepared(FOLDERS[name], threads=1, change=lambda problem: with_changes(problem, changes_of(problem)))


def _baseline(problem: Prepared) -> dict[str, float]:
    """Task -> its own metric of the best constant prediction."""
    splits, tasks = problem.splits, problem.tasks
    labels = {part: {n: v.numpy() for n, v in getattr(splits, part).labels.items()} for part in ("train", "test")}
    predictions = baseline_predictions(tasks, labels["train"], labels["test"])
    metrics = evaluate(tasks, labels["test"], predictions, resamples=0)
    return {task.name: metrics[task.name][task.metric.name].value for task in tasks}


def _table(rows: list[Row], baseline: dict[str, float], trees: dict[str, float], seeds: int) -> Table:
    table = Table("task", "metric", "validation", "test", "per seed", "baseline", "LightGBM", title=f"{seeds} seeds")
    for task in baseline:
        of_task = [row for row in rows if row["task"] == task]
        test = [row["test"] for row in of_task]
        digits = 4 if max(test) < 2 else 2
        spread = f" ± {statistics.stdev(test):.{digits}f}" if len(test) > 1 else ""
        table.add_row(
            *(task, of_task[0]["metric"], f"{statistics.mean(row['validation'] for row in of_task):.{digits}f}"),
            *(f"{statistics.mean(test):.{digits}f}{spread}", " ".join(f"{value:.{digits}f}" for value in test)),
            *(f"{baseline[task]:.{digits}f}", f"{trees[task]:.{digits}f}" if task in trees else "-"),
        )
    return table


def _summary(rows: list[Row]) -> Summary:
    values_of: dict[str, dict[str, list[float]]] = {}
    for row in rows:
        values_of.setdefault(row["task"], {}).setdefault(row["metric"], []).append(row["test"])
    return {
        task: {
            metric: {"mean": statistics.mean(values), "std": statistics.stdev(values) if len(values) > 1 else 0.0}
            for metric, values in metrics.items()
        }
        for task, metrics in values_of.items()
    }
