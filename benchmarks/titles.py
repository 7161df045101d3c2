"""Films with and without their titles: gain of a text feature beside the columns of a table.

    python benchmarks/titles.py [--trials 2] [--seeds 5]    # ten minutes; resumes

The films of examples/films are trained without their titles and with each of VARIANTS, on one thread; within a seed the
arms alternate. The variants are compared on validation with the first --trials seeds, by the mean over tasks of
100 ln(error without titles / error), where the error of a metric for which higher is better is 1 minus the metric. The
best one is trained with all seeds, and compared on validation and on test, on which nothing was selected; intervals are
those of mtl_core/studies/comparison/statistics.py. Results: benchmarks/results/titles.json, with the command, the
commit, the seeds and the machine. Then prints the tables, as benchmarks/titles_table.py does.

The last line is one JSON object: {split: {task: {"difference", "low", "high"}}}, above 0 where titles are better.
"""

import argparse
import json
import math
import statistics
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from measurement import error_of
from problems import FOLDERS, ROOT, Prepared, prepared
from rich.console import Console
from safetensors.torch import load_file
from titles_table import RESULTS, SPLITS, TITLES, WITHOUT, tables

from flows.provenance import provenance_of
from mtl_core.config import Problem
from mtl_core.config.changes import to_document
from mtl_core.evaluation import RESAMPLES
from mtl_core.files import write_text
from mtl_core.model import Network
from mtl_core.model.inference import predictions_of
from mtl_core.studies.comparison.arms import ArmRun, run_arm, weights_path
from mtl_core.studies.comparison.statistics import BootstrapSample, bootstrap_sample, gain, mean_std

WORK = ROOT / ".trunkline" / "benchmarks" / "titles"
OPTIONS = ("layers", "kernel", "width", "embedding", "dropout", "min_count")
VARIANTS = tuple(
    dict(zip(OPTIONS, values, strict=True))
    for values in (
        (2, 5, 64, 32, 0.5, 5),
        (2, 5, 32, 16, 0.5, 5),
        (1, 3, 32, 16, 0.5, 5),
        (1, 3, 32, 16, 0.5, 10),
    )
)
"""Options of a `conv` as `model.text`, and `min_count` of the feature."""


class ArmRuns:
    """The films with or without titles, and a run per seed; finished runs are kept in `folder`."""

    def __init__(self, prepared: Prepared, folder: Path) -> None:
        self.prepared, self.folder = prepared, folder
        self.runs: dict[int, ArmRun] = {}

    @property
    def seconds(self) -> float:
        """Processor seconds of a training, the mean over the seeds."""
        return statistics.mean(run.seconds for run in self.runs.values())

    def train(self, seed: int) -> None:
        """Train the network of a seed, unless it is there."""
        declared, encoder, splits = self.prepared.declared, self.prepared.encoder, self.prepared.splits
        policy = declared.training.stopping.policy
        self.runs[seed] = run_arm(policy, declared, encoder, splits, seed, self.folder / str(seed))

    def samples(self, split_name: str, resamples: int = RESAMPLES) -> dict[str, BootstrapSample]:
        """Task -> its own metric on a split, per seed."""
        split = getattr(self.prepared.splits, split_name)
        network = Network.build(self.prepared.declared, self.prepared.encoder)
        predictions = []
        for seed in self.runs:
            network.load_state_dict(load_file(weights_path(self.folder / str(seed), "")))
            predictions.append(predictions_of(network, split))
        samples = {}
        for task in self.prepared.tasks:
            labels = split.flat_labels(task.name).numpy()
            pairs = [task.labelled_rows(labels, of_seed[task.name]) for of_seed in predictions]
            samples[task.name] = bootstrap_sample(task.metric, pairs[0][0], [pair[1] for pair in pairs], resamples)
        return samples

    def validation_errors(self) -> dict[str, float]:
        """Task -> error on validation, the mean over the seeds."""
        samples = self.samples("validation", resamples=1)
        return {
            task.name: error_of(float(samples[task.name].values.mean()), task.metric.higher_is_better)
            for task in self.prepared.tasks
        }


def without_titles(problem: Problem) -> Problem:
    """The problem without its feature `title`."""
    document = to_document(problem)
    document["features"].pop("title", None)
    document["model"].pop("text", None)
    return Problem.model_validate(document)


def with_titles(problem: Problem, variant: Mapping[str, float]) -> Problem:
    """The problem with the feature `title` and its encoder."""
    document = to_document(without_titles(problem))
    encoder = {name: value for name, value in variant.items() if name != "min_count"}
    document["features"]["title"] = {"kind": "text", "min_count": variant["min_count"]}
    document["model"]["text"] = {"kind": "conv"} | encoder
    return Problem.model_validate(document)


def train_all(arms: Mapping[str, ArmRuns], seeds: int, console: Console) -> None:
    """Train every arm with every seed."""
    for seed in range(seeds):
        for name, arm in arms.items():
            arm.train(seed)
            console.print(f"{name}, seed {seed}: {arm.runs[seed].seconds:.0f} s")


def relative_gains(arm: ArmRuns, baseline: Mapping[str, float]) -> dict[str, float]:
    """Task -> 100 ln(error without titles / error) on validation."""
    return {task: 100 * math.log(baseline[task] / error) for task, error in arm.validation_errors().items()}


def compare(titles: ArmRuns, without: ArmRuns) -> dict[str, Any]:
    """Task -> its metric, and per split the results of both arms and their difference."""
    tasks: dict[str, Any] = {
        task.name: {"metric": task.metric.name, "higher_is_better": task.metric.higher_is_better}
        for task in titles.prepared.tasks
    }
    for split in SPLITS:
        of_titles, of_without = titles.samples(split), without.samples(split)
        for task in titles.prepared.tasks:
            first, second = of_titles[task.name], of_without[task.name]
            tasks[task.name][split] = {
                TITLES: mean_std(first.values.tolist()).model_dump(),
                WITHOUT: mean_std(second.values.tolist()).model_dump(),
                "gain": gain(task.metric, first, second).model_dump(),
            }
    return tasks


def study(trials: int, seeds: int, console: Console) -> dict[str, Any]:
    """Select a variant on validation and compare it with no titles."""
    with ExitStack() as stack:

        def runs(name: str, change: Callable[[Problem], Problem]) -> ArmRuns:
            problem = stack.enter_context(prepared(FOLDERS["films"], threads=1, change=change))
            return ArmRuns(problem, WORK / name)

        without = runs(WITHOUT, without_titles)
        variants = [
            runs("-".join(map(str, variant.values())), partial(with_titles, variant=variant)) for variant in VARIANTS
        ]
        train_all({arm.folder.name: arm for arm in (without, *variants)}, trials, console)
        baseline = without.validation_errors()
        gains = [relative_gains(variant, baseline) for variant in variants]
        selected = max(range(len(VARIANTS)), key=lambda number: statistics.mean(gains[number].values()))
        titles = variants[selected]
        train_all({arm.folder.name: arm for arm in (without, titles)}, seeds, console)
        command = f"python benchmarks/titles.py --trials {trials} --seeds {seeds}"
        provenance = provenance_of(command, range(seeds), ROOT, titles.prepared.declared)
        return {
            "provenance": provenance.model_dump(mode="json"),
            "variants": [{"options": VARIANTS[number], "gains": of_one} for number, of_one in enumerate(gains)],
            "selected": selected,
            "tasks": compare(titles, without),
            "seconds": {TITLES: titles.seconds, WITHOUT: without.seconds},
        }


def main() -> None:
    """Run the study, store its results and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    results = study(arguments.trials, arguments.seeds, Console())
    write_text(RESULTS, json.dumps(results, indent=1) + "\n")
    print("\n".join(tables(results)))
    gains = {split: {name: task[split]["gain"] for name, task in results["tasks"].items()} for split in SPLITS}
    print(json.dumps(gains))


if __name__ == "__main__":
    main()
