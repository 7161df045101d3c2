"""Quality on Census-Income and the flights: the declared network, other configurations, and trees per task.

    python benchmarks/quality.py [--problems census flights] [--configurations ...] [--seeds 5]   # an hour; resumes

Every configuration of configurations.py is trained by the product's loop on one thread and chosen on validation. The
trees are LightGBM's, a model per task on the same columns, stopped early on validation too. Results, on validation and
on test: benchmarks/results/quality.json, a list of {problem, configuration, seed, task, metric, validation, test,
epochs, seconds}, and their provenance, quality.provenance.json. benchmarks/quality_table.py prints the tables.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from configurations import CONFIGURATIONS, TREES, with_changes
from measurement import Row, merge_records, merge_rows
from problems import FOLDERS, ROOT, Prepared, prepared
from quality_table import RESULTS, tables
from safetensors.numpy import load_file

from flows.provenance import provenance_of
from mtl_core.config import Problem
from mtl_core.evaluation import evaluate
from mtl_core.studies.comparison.arms import run_arm
from mtl_core.studies.comparison.boosted import run_boosted

PROVENANCE = RESULTS.with_suffix(".provenance.json")
WORK = ROOT / ".trunkline" / "benchmarks" / "quality"


def folder_of(name: str, configuration: str) -> Path:
    """Folder of the runs of a problem's configuration."""
    return WORK / name / configuration.replace(" ", "-")


def measure(problem: Prepared, seed: int, folder: Path) -> list[Row]:
    """Train the declared network with one seed: a row per task, with the task's own metric."""
    stopping = problem.declared.training.stopping
    run = run_arm(stopping.policy, problem.declared, problem.encoder, problem.splits, seed, folder)
    return [
        {
            "seed": seed,
            "task": task.name,
            "metric": task.metric.name,
            "validation": run.tasks[task.name].validation[run.tasks[task.name].chosen - 1],
            "test": run.tasks[task.name].test[task.metric.name],
            "epochs": len(run.tasks[task.name].validation),
            "seconds": round(run.tasks[task.name].seconds, 2),
        }
        for task in problem.tasks
    ]


def measure_trees(problem: Prepared, folder: Path) -> list[Row]:
    """Train the trees of every task once: with one thread and no sampling the seed has no effect."""
    run = run_boosted(problem.declared, problem.encoder, problem.splits, folder)
    labels = {name: values.numpy() for name, values in problem.splits.test.labels.items()}
    predictions = load_file(folder / "predictions.safetensors")
    trained = tuple(task for task in problem.tasks if task.name in predictions)
    values = evaluate(trained, labels, predictions, resamples=0)
    return [
        {
            "seed": 0,
            "task": task.name,
            "metric": task.metric.name,
            "validation": None,
            "test": float(np.float64(values[task.name][task.metric.name].value)),
            "epochs": run.models[task.name],
            "seconds": round(run.seconds, 2),
        }
        for task in trained
    ]


def store(rows: list[Row], provenance: dict[str, Any]) -> None:
    """Replace the rows of the same problems and configurations in the result files."""
    order = {name: index for configurations in CONFIGURATIONS.values() for index, name in enumerate(configurations)}
    merge_records(PROVENANCE, provenance)
    merge_rows(
        *(RESULTS, rows, ("problem", "configuration")),
        order=lambda row: (row["problem"], order[row["configuration"]], row["seed"]),
    )


def run(name: str, configuration: str, seeds: int) -> None:
    """Measure a configuration of a problem and store the results."""

    def change(problem: Problem) -> Problem:
        return with_changes(problem, CONFIGURATIONS[name][configuration](problem))

    with prepared(FOLDERS[name], threads=1, change=change) as problem:
        folder = folder_of(name, configuration)
        if configuration == TREES:
            rows = measure_trees(problem, folder)
        else:
            rows = [row for seed in range(seeds) for row in measure(problem, seed, folder / str(seed))]
        command = f"python benchmarks/quality.py --problems {name} --configurations '{configuration}'"
        provenance = provenance_of(f"{command} --seeds {seeds}", range(seeds), ROOT, problem.declared)
    rows = [{"problem": name, "configuration": configuration} | row for row in rows]
    store(rows, {f"{name}: {configuration}": provenance.model_dump()})


def main() -> None:
    """Train, compare and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", nargs="+", choices=list(CONFIGURATIONS), default=list(CONFIGURATIONS))
    parser.add_argument("--configurations", nargs="+", metavar="NAME", help="default: all")
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    for name in arguments.problems:
        for configuration in arguments.configurations or CONFIGURATIONS[name]:
            if configuration in CONFIGURATIONS[name]:
                run(name, configuration, arguments.seeds)
                print(f"{name}: {configuration}", flush=True)
    print("\n".join(tables(json.loads(RESULTS.read_text(encoding="utf-8")))))


if __name__ == "__main__":
    main()
