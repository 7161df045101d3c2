"""Gain from tuning: `mtl tune` on two public problems.

The search uses validation. Then the declared options and those of the best trial are trained with five seeds each and
evaluated on the test split, which no trial has used. One thread.

    python benchmarks/tuning.py [--problems films yeast] [--seeds 5]

Results: benchmarks/results/tuning.json, problem -> the study as `mtl tune` writes it, with the command, the commit, the
seeds and the machine, and the values on test. Then prints the tables, as benchmarks/tuning_table.py does.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from groupings import test_metrics
from measurement import merge_records
from problems import FOLDERS, ROOT, Prepared, prepared
from rich.console import Console
from tuning_table import RESULTS, tables

from flows.provenance import provenance_of
from mtl_core.config.changes import with_options
from mtl_core.studies.provenance import Provenance
from mtl_core.studies.tuning import Tuning
from mtl_core.studies.tuning.search import Search, study_name
from mtl_core.studies.tuning.study import study_of
from mtl_core.studies.tuning.trials import TrialRunner

PROBLEMS = ("films", "yeast")


def run_search(problem: Prepared, work: Path, provenance: Provenance) -> Tuning:
    """Run the whole search."""
    splits, declared = problem.splits, problem.declared
    runner = TrialRunner(
        problem=declared, encoder=problem.encoder, train=splits.train, validation=splits.validation, folder=work
    )
    search = Search(runner, study_name(declared, splits.digest))
    search.run_declared()
    assert declared.tuning is not None
    while len(search.trials) < declared.tuning.trials:
        search.next_trial()
    return study_of(search, provenance)


def measure(name: str, problem: Prepared, seeds: int, console: Console) -> dict[str, Any]:
    """The study, and a row per task and seed with the test results of declared and tuned options."""
    command = f"python benchmarks/tuning.py --problems {name} --seeds {seeds}"
    provenance = provenance_of(command, range(seeds), ROOT, problem.declared)
    with tempfile.TemporaryDirectory() as work:
        study = run_search(problem, Path(work), provenance)
    best = study.trial(study.best)
    assert best is not None
    console.print(f"{name}: {len(study.trials)} trials, best {best.number} at {best.objective:+.2f}")
    tuned = Prepared(
        declared=with_options(problem.declared, study.differences(best)),
        encoder=problem.encoder,
        splits=problem.splits,
        raw_test=problem.raw_test,
    )
    rows: list[dict[str, Any]] = []
    tasks = tuple(problem.declared.tasks)
    for seed in range(seeds):
        before, after = (test_metrics(variant, tasks, seed) for variant in (problem, tuned))
        rows += [{"task": task, "seed": seed, "declared": before[task], "tuned": after[task]} for task in tasks]
        console.print(f"{name}: declared and tuned, seed {seed}")
    return {"study": study.model_dump(mode="json"), "rows": rows}


def main() -> None:
    """Run the study on every problem, store its results and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", nargs="+", choices=PROBLEMS, default=list(PROBLEMS))
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    console = Console()
    for name in arguments.problems:
        with prepared(FOLDERS[name], threads=1) as problem:
            results = measure(name, problem, arguments.seeds, console)
        merge_records(RESULTS, {name: results}, PROBLEMS)
    print("\n".join(tables(json.loads(RESULTS.read_text(encoding="utf-8")))))


if __name__ == "__main__":
    main()
