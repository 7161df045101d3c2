"""Gain and cost of an ensemble within the network: `model.members` on the small tables of the suite.

    python benchmarks/members.py [--problems yeast ...] [--members 1 4 8] [--seeds 3]    # ten minutes

By default the problems of the chosen half with few enough training rows to have members by default, otherwise as
`mtl init` drafts them. Prints per problem and number of members 100 ln(error / error of one member), mean over tasks
and seeds, on validation and on test; the processor seconds of a training, and the wall time of the exported graph for 1
and 1,000 rows, both as ratios to one member's. The last line is one JSON object:
{"ratios": {members: {"training", "row", "rows_1000"}}, "difference": {members: {"validation", "test"}}}, means over the
problems.
"""

import argparse
import json
import math
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from drafted import DraftedProblem, drafted_problem, error_on
from rich.console import Console
from rich.table import Table
from suite import problems

from mtl_core.config.model import FEW_ROWS
from mtl_core.export.graph import build_graph
from mtl_core.export.session import graph_inputs
from mtl_core.graphs.runtime import open_graph
from mtl_core.model import Network
from mtl_core.model.inference import predictions_of
from mtl_core.timing import median_ms
from mtl_core.training import train

__all__: list[str] = []

SPLITS = ("validation", "test")
Errors = dict[tuple[str, str], float]


def train_members(problem: DraftedProblem, members: int, seed: int) -> tuple[Network, Errors, float]:
    """The network, split and task -> error, and the processor seconds of the training."""
    declared = problem.problem
    training = declared.training.model_copy(update={"seed": seed})
    model = declared.model.model_copy(update={"members": members})
    declared = declared.model_copy(update={"training": training, "model": model})
    splits, errors, start = problem.splits, {}, time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        network, _ = train(declared, problem.encoder, splits.train, splits.validation, Path(folder))
    seconds = time.process_time() - start
    for name in SPLITS:
        split = getattr(splits, name)
        predictions = predictions_of(network, split)
        for task in problem.tasks:
            errors[name, task.name] = error_on(split, task, predictions[task.name])
    return network, errors, seconds


def wall_times(problem: DraftedProblem, networks: dict[int, Network], rows: int) -> dict[int, float]:
    """Members -> median milliseconds of the exported graph for `rows` rows."""
    test = pq.read_table(problem.folder / "encoded" / "test.parquet")
    inputs = graph_inputs(test.take(np.arange(rows) % test.num_rows), problem.encoder.inputs)
    sessions = {
        k: open_graph(build_graph(network, problem.encoder).SerializeToString()) for k, network in networks.items()
    }
    calls = {str(k): lambda session=session: session.run(None, inputs) for k, session in sessions.items()}
    return {int(name): ms for name, ms in median_ms(calls).items()}


def measure(problem: DraftedProblem, members: list[int], seeds: int) -> dict[int, dict[str, float]]:
    """Members -> their gain and cost, relative to the first number of members."""
    trainings = {k: [train_members(problem, k, seed) for seed in range(seeds)] for k in members}
    networks = {k: of_seeds[0][0] for k, of_seeds in trainings.items()}
    walls = {rows: wall_times(problem, networks, rows) for rows in (1, 1000)}
    base, results = trainings[members[0]], {}
    for k, of_seeds in trainings.items():
        differences: dict[str, list[float]] = {split: [] for split in SPLITS}
        for (_, errors, _), (_, base_errors, _) in zip(of_seeds, base, strict=True):
            for (split, task), error in errors.items():
                differences[split].append(100 * math.log(error / base_errors[split, task]))
        results[k] = {split: statistics.mean(values) for split, values in differences.items()}
        results[k]["training"] = sum(result[2] for result in of_seeds) / sum(result[2] for result in base)
        results[k] |= {
            name: walls[rows][k] / walls[rows][members[0]] for name, rows in (("row", 1), ("rows_1000", 1000))
        }
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    listed = {problem.name: problem for problem in problems()}
    parser.add_argument("--problems", nargs="+", choices=list(listed), help="default: those with few rows")
    parser.add_argument("--members", nargs="+", type=int, default=[1, 4, 8], help="the first is the reference")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    names = arguments.problems or [name for name, problem in listed.items() if problem.half == "chosen"]
    selected = [drafted_problem(listed[name]) for name in names]
    if not arguments.problems:
        selected = [problem for problem in selected if problem.encoder.rows <= FEW_ROWS]
    fields = ("validation", "test", "training", "row", "rows_1000")
    table, measured = Table("problem", "rows", "members", *fields), []
    for problem in selected:
        measured.append(measure(problem, arguments.members, arguments.seeds))
        for k, results in measured[-1].items():
            cells = [f"{results[name]:.2f}" for name in fields]
            table.add_row(problem.name, str(problem.encoder.rows), str(k), *cells)
    Console(width=110).print(table)

    def means(k: int, *names: str) -> dict[str, float]:
        return {name: round(statistics.mean(results[k][name] for results in measured), 2) for name in names}

    several = arguments.members[1:]
    document: dict[str, Any] = {"ratios": {k: means(k, "training", "row", "rows_1000") for k in several}}
    print(json.dumps(document | {"difference": {k: means(k, *SPLITS) for k in several}}))


if __name__ == "__main__":
    main()
