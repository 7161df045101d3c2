"""Quality on the flights: one shared model, several seeds, on the test months.

    python benchmarks/flights.py [--seeds 5] [--set training.stopping.policy=joint ...]

Trains on January to September, chooses the epoch on October, and measures on November and December, with the
params.yaml of the main job except for the seed and what --set changes. The last line is one JSON object:
{"test": {task: {metric: {"mean", "std"}}}}.
"""

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table
from ruamel.yaml import YAML

from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.encoder import Encoder
from mtl_core.data.prepare import prepare
from mtl_core.evaluation import evaluate, trivial_predictions
from mtl_core.problem import PARAMS, Problem, parse_problem
from mtl_core.training import train
from mtl_core.training.scores import predictions_of

ROOT = Path(__file__).parents[1]
Values = dict[str, dict[str, float]]


def declared(changes: list[str], seed: int) -> Problem:
    """The main job's problem with those changes, `path.in.file=value`, and that seed."""
    yaml = YAML(typ="safe", pure=True)
    document = yaml.load((ROOT / PARAMS).read_text())
    for change in (*changes, f"training.seed={seed}"):
        path, value = change.split("=", 1)
        *parents, last = path.split(".")
        place: dict[str, Any] = document
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = yaml.load(value)
    return parse_problem(document)


def run(problem: Problem, work: Path, console: Console) -> dict[str, Values]:
    """Prepares, trains and measures: the model on validation and test, and the trivial predictor on test."""
    nothing = work / "quarantine.parquet"
    pq.write_table(pa.table({"part": pa.array([], pa.string()), "row": pa.array([], pa.int64())}), nothing)
    prepare(ROOT, problem, nothing, work / "encoded")
    encoder = Encoder.load(work / "encoded" / "encoder.json")
    splits = {n: EncodedSplit.open(work / "encoded" / n, encoder) for n in ("train", "validation", "test")}
    network, outcome = train(problem, encoder, splits["train"], splits["validation"], work / "scratch")
    seconds = sum(epoch.seconds for epoch in outcome.epochs)
    console.print(
        f"seed {problem.training.seed}: {len(outcome.epochs)} epochs, chose {outcome.chosen}, {seconds:.0f} s"
    )
    labels = {name: {task: t.numpy() for task, t in split.labels.items()} for name, split in splits.items()}
    guesses = trivial_predictions(encoder.tasks, labels["train"], len(splits["test"]))
    found = {name: predictions_of(network, encoder.tasks, splits[name]) for name in ("validation", "test")}
    measured = {name: evaluate(encoder.tasks, labels[name], found[name], resamples=0) for name in found}
    measured["trivial"] = evaluate(encoder.tasks, labels["test"], guesses, resamples=0)
    return {name: _values(values) for name, values in measured.items()}


def _values(measured: Any) -> Values:
    return {task: {name: m.value for name, m in metrics.items()} for task, metrics in measured.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE")
    arguments = parser.parse_args()
    console, runs = Console(), []
    for seed in range(arguments.seeds):
        with tempfile.TemporaryDirectory() as work:
            runs.append(run(declared(arguments.set, seed), Path(work), console))
    table = Table("task", "metric", "validation", "test", "std", "per seed", "trivial", title=f"{len(runs)} seeds")
    summary: dict[str, dict[str, dict[str, float]]] = {}
    for task, metrics in runs[0]["trivial"].items():
        for metric, guess in metrics.items():
            found = [values["test"][task][metric] for values in runs]
            chosen_on = statistics.mean(values["validation"][task][metric] for values in runs)
            mean, std = statistics.mean(found), statistics.stdev(found) if len(found) > 1 else 0.0
            summary.setdefault(task, {})[metric] = {"mean": mean, "std": std}
            each = " ".join(f"{value:.4f}" for value in found)
            table.add_row(task, metric, f"{chosen_on:.4f}", f"{mean:.4f}", f"{std:.4f}", each, f"{guess:.4f}")
    Console(width=130).print(table)
    print(json.dumps({"test": summary}))


if __name__ == "__main__":
    main()
