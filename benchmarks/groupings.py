"""Gain of the task groupings that `mtl relate` suggests on the public problems.

The best partition into two networks is trained and compared with one network for all tasks, three seeds, one thread.

    python benchmarks/groupings.py [--problems flights films yeast] [--seeds 3]

Results: benchmarks/results/relating.json, problem -> the study as `mtl relate` writes it, with the command, the commit,
the seeds and the machine, and the partition's values on test. Then prints the tables, as
benchmarks/groupings_table.py does.
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from groupings_table import RESULTS, tables
from measurement import merge_records
from problems import FOLDERS, ROOT, Prepared, prepared
from rich.console import Console

from flows.provenance import provenance_of
from mtl_core.config import Gates
from mtl_core.data.encoded import EncodedSplit
from mtl_core.evaluation import evaluate
from mtl_core.model.inference import predictions_of
from mtl_core.studies.relatedness.study import relate
from mtl_core.training import train

PROBLEMS = ("flights", "films", "yeast")
EVERY = 10


def test_metrics(prepared: Prepared, names: Sequence[str], seed: int) -> dict[str, float]:
    """Task -> its own metric on test, from one network for these tasks, trained as declared."""
    declared = prepared.declared
    encoder = prepared.encoder.model_copy(
        update={"tasks": tuple(task for task in prepared.encoder.tasks if task.name in names)}
    )
    problem = declared.model_copy(
        update={
            "tasks": {name: task for name, task in declared.tasks.items() if name in names},
            "training": declared.training.model_copy(update={"seed": seed}),
            "gates": Gates(),
        }
    )
    train_split, validation, test = (
        EncodedSplit(split.inputs, {name: split.labels[name] for name in names})
        for split in (prepared.splits.train, prepared.splits.validation, prepared.splits.test)
    )
    with tempfile.TemporaryDirectory() as folder:
        network, _ = train(problem, encoder, train_split, validation, Path(folder))
    labels = {name: tensor.numpy() for name, tensor in test.labels.items()}
    tasks = network.objectives
    metrics = evaluate(tasks, labels, predictions_of(network, test), resamples=0)
    return {task.name: metrics[task.name][task.metric.name].value for task in tasks}


def study(name: str, problem: Prepared, seeds: int, console: Console) -> dict[str, Any]:
    """The study, and a row per task and seed with the results of one and two networks."""
    command = f"python benchmarks/groupings.py --problems {name} --seeds {seeds}"
    provenance = provenance_of(command, range(seeds), ROOT, problem.declared)
    with tempfile.TemporaryDirectory() as work:
        related = relate(
            *(problem.declared, problem.encoder, problem.splits, Path(work), provenance), every=EVERY, vectors=True
        )
    console.print(f"{name}: {related.measurements} measurements in {related.seconds:.0f} s")
    networks = related.groupings[1].networks
    rows = []
    for seed in range(seeds):
        joint = test_metrics(problem, tuple(problem.declared.tasks), seed)
        separate = {task: value for group in networks for task, value in test_metrics(problem, group, seed).items()}
        rows += [
            {"task": task, "seed": seed, "one": joint[task], "two": separate[task]} for task in problem.declared.tasks
        ]
        console.print(f"{name}: one network and two, seed {seed}")
    metrics = {task.name: [task.metric.name, task.metric.higher_is_better] for task in problem.tasks}
    return {"study": related.model_dump(mode="json"), "networks": networks, "metrics": metrics, "rows": rows}


def main() -> None:
    """Run the study on every problem, store its results and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", nargs="+", choices=PROBLEMS, default=list(PROBLEMS))
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    console = Console()
    for name in arguments.problems:
        with prepared(FOLDERS[name], threads=1) as problem:
            results = study(name, problem, arguments.seeds, console)
        merge_records(RESULTS, {name: results}, PROBLEMS)
    print("\n".join(tables(json.loads(RESULTS.read_text(encoding="utf-8")))))


if __name__ == "__main__":
    main()
