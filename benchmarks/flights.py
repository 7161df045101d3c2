"""Quality on the flights: one shared model, several seeds, on the test months, beside gradient-boosted trees per task.

    python benchmarks/flights.py [--seeds 5] [--set training.stopping.policy=joint ...]

Trains on January to September, chooses the epoch on October, and measures on November and December, with the
params.yaml of the main job except for the seed and what --set changes. The peer is what a practitioner would use
instead: scikit-learn's histogram gradient boosting, one model per task on the same columns, stopped early on October.
The last line is one JSON object: {"test": {task: {metric: {"mean", "std"}}}}.
"""

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from ruamel.yaml import YAML
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.encoder import Encoder
from mtl_core.data.prepare import prepare
from mtl_core.evaluation import evaluate, trivial_predictions
from mtl_core.problem import PARAMS, Problem, parse_problem
from mtl_core.training import train
from mtl_core.training.scores import predictions_of

ROOT = Path(__file__).parents[1]
MOST_CATEGORIES = 255
"""What the trees take as categories; the flight numbers are more, and enter them as numbers."""
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


def trees(problem: Problem, work: Path) -> Values:
    """One gradient-boosted model per task on the raw columns; its test metrics."""
    encoder = Encoder.load(work / "encoded" / "encoder.json")
    splits = {n: EncodedSplit.open(work / "encoded" / n, encoder) for n in ("train", "validation", "test")}
    categorical = np.asarray([feature.size for feature in encoder.categorical]) <= MOST_CATEGORIES
    flags = np.concatenate([categorical, np.zeros(encoder.float_width, dtype=bool)])
    inputs = {name: _flat(encoder, split) for name, split in splits.items()}
    labels = {name: {task: t.numpy() for task, t in split.labels.items()} for name, split in splits.items()}
    predictions = {}
    for task in encoder.tasks:
        known = {name: task.labelled(splits[name].labels[task.name]).numpy() for name in splits}
        regression = task.signature()["kind"] == "regression"
        options: dict[str, Any] = {"categorical_features": flags, "max_iter": 500, "early_stopping": True}
        kind = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
        model = kind(**options, random_state=0, **({"loss": "absolute_error"} if regression else {}))
        fitted = model.fit(
            *(inputs["train"][known["train"]], labels["train"][task.name][known["train"]]),
            X_val=inputs["validation"][known["validation"]],
            y_val=labels["validation"][task.name][known["validation"]],
        )
        answer = fitted.predict(inputs["test"]) if regression else fitted.predict_proba(inputs["test"])
        predictions[task.name] = answer[:, 1] if task.outputs == 1 and not regression else answer
    return _values(evaluate(encoder.tasks, labels["test"], predictions, resamples=0))


def _flat(encoder: Encoder, split: EncodedSplit) -> NDArray[np.float32]:
    """Each column's own ids, then the numbers."""
    ids = split.inputs["ids"].numpy() - encoder.id_offsets
    return np.concatenate([ids.astype(np.float32), split.inputs["floats"].numpy()], axis=1)


def _values(measured: Any) -> Values:
    return {task: {name: m.value for name, m in metrics.items()} for task, metrics in measured.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE")
    arguments = parser.parse_args()
    console, runs = Console(), []
    peer: Values = {}
    for seed in range(arguments.seeds):
        with tempfile.TemporaryDirectory() as work:
            runs.append(run(declared(arguments.set, seed), Path(work), console))
            peer = peer or trees(declared(arguments.set, seed), Path(work))
    table = Table(
        "task", "metric", "validation", "test", "std", "per seed", "trivial", "trees", title=f"{len(runs)} seeds"
    )
    summary: dict[str, dict[str, dict[str, float]]] = {}
    for task, metrics in runs[0]["trivial"].items():
        for metric, guess in metrics.items():
            found = [values["test"][task][metric] for values in runs]
            chosen_on = statistics.mean(values["validation"][task][metric] for values in runs)
            mean, std = statistics.mean(found), statistics.stdev(found) if len(found) > 1 else 0.0
            summary.setdefault(task, {})[metric] = {"mean": mean, "std": std}
            each = " ".join(f"{value:.4f}" for value in found)
            table.add_row(
                task,
                metric,
                f"{chosen_on:.4f}",
                f"{mean:.4f}",
                f"{std:.4f}",
                each,
                f"{guess:.4f}",
                f"{peer[task][metric]:.4f}",
            )
    Console(width=140).print(table)
    print(json.dumps({"test": summary}))


if __name__ == "__main__":
    main()
