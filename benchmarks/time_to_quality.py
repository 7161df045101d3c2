"""Training time until the network drafted by `mtl init` is as good as LightGBM, relative to LightGBM's training time.

    python benchmarks/time_to_quality.py [--problems yeast ...] [--seeds 3]    # a quarter of an hour

On the chosen half of benchmarks/suite. LightGBM trains one model per task (500 rounds at most, 31 leaves, rate .05,
stopped on validation). The network is as good in the first epoch after which the mean over tasks of ln(error /
LightGBM's error) on validation is at most 0, by each task's own metric. Both use one thread; processor seconds include
evaluations. The last line is one JSON object: the median over problems and seeds of the network's seconds divided by
LightGBM's, until as good and in total, and the share of trainings that became as good.
"""

import argparse
import json
import math
import statistics
import tempfile
import time
from pathlib import Path

from drafted import DraftedProblem, drafted_problem, error_on
from measurement import error_of
from rich.console import Console
from rich.table import Table
from safetensors.numpy import load_file
from suite import problems

from mtl_core.studies.comparison.boosted import run_boosted
from mtl_core.studies.splits import Splits
from mtl_core.training import Epoch, train
from mtl_core.training.progress import Progress

__all__: list[str] = []


class EpochTimer(Progress):
    """Processor seconds since the start at the end of each epoch, with its values on validation."""

    def __init__(self) -> None:
        self.start = time.process_time()
        self.epochs: list[tuple[float, dict[str, float]]] = []

    def on_epoch(self, epoch: Epoch) -> None:
        self.epochs.append((time.process_time() - self.start, epoch.values))


def boosted(problem: DraftedProblem) -> tuple[float, dict[str, float]]:
    """LightGBM's processor seconds, and each task's error on validation."""
    splits = problem.splits
    splits_with_validation = Splits(train=splits.train, validation=splits.validation, test=splits.validation)
    with tempfile.TemporaryDirectory() as folder:
        run = run_boosted(problem.problem, problem.encoder, splits_with_validation, Path(folder))
        predictions = load_file(Path(folder) / "predictions.safetensors")
    errors = {task.name: error_on(splits.validation, task, predictions[task.name]) for task in problem.tasks}
    return run.seconds, errors


def seconds_until_as_good(problem: DraftedProblem, seed: int, errors: dict[str, float]) -> tuple[float | None, float]:
    """The network's processor seconds until it is as good, or None, and those of the whole training."""
    training = problem.problem.training.model_copy(update={"seed": seed})
    seeded, clock = problem.problem.model_copy(update={"training": training}), EpochTimer()
    with tempfile.TemporaryDirectory() as folder:
        train(seeded, problem.encoder, problem.splits.train, problem.splits.validation, Path(folder), clock)
    total = time.process_time() - clock.start
    for seconds, values in clock.epochs:
        network_errors = {
            task.name: error_of(values[task.name], task.metric.higher_is_better) for task in problem.tasks
        }
        if statistics.mean(math.log(network_errors[name] / error) for name, error in errors.items()) <= 0:
            return seconds, total
    return None, total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    listed = {problem.name: problem for problem in problems()}
    chosen = [name for name, problem in listed.items() if problem.half == "chosen"]
    parser.add_argument("--problems", nargs="+", choices=list(listed), default=chosen)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    table = Table("problem", "LightGBM, s", "as good, s", "whole, s", "as good / LightGBM")
    ratios: list[float] = []
    totals: list[float] = []
    for name in arguments.problems:
        problem = drafted_problem(listed[name])
        seconds, errors = boosted(problem)
        runs = [seconds_until_as_good(problem, seed, errors) for seed in range(arguments.seeds)]
        of_problem = [math.inf if as_good is None else as_good / seconds for as_good, _ in runs]
        ratios += of_problem
        totals += [total / seconds for _, total in runs]
        table.add_row(
            *(name, f"{seconds:.1f}"),
            " ".join("never" if as_good is None else f"{as_good:.1f}" for as_good, _ in runs),
            " ".join(f"{total:.1f}" for _, total in runs),
            " ".join(f"{ratio:.1f}" for ratio in of_problem),
        )
    Console(width=120).print(table)
    reached = sum(math.isfinite(ratio) for ratio in ratios)
    median = statistics.median(ratios)
    summary = {
        "as_good": round(median, 2) if math.isfinite(median) else None,
        "whole": round(statistics.median(totals), 2),
        "share_as_good": round(reached / len(ratios), 2),
    }
    print(json.dumps({"ratios": summary}))


if __name__ == "__main__":
    main()
