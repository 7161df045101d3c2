"""Comparison of the stopping policies on the tasks of the suite, with five seeds.

    python benchmarks/early_stopping.py [--problems yeast ...] [--seeds 5]   # an hour; resumes

Every problem of the chosen half of benchmarks/suite is trained with the draft of `mtl init`, on one thread; only the
policy and the seed differ. The epoch of the model is selected on validation, by the same rule for every policy, and
evaluated on test. Results: benchmarks/results/early_stopping.json, a list of {problem, policy, seed, task, metric,
higher_is_better, validation, best, test, epochs, seconds}. `validation` and `test` are the task's own metric of the
model, `best` that of the task's best epoch on validation; `epochs` and processor seconds are those of the whole
training. Provenance: early_stopping.provenance.json. `patient` is `joint` with three times the patience, the control
for more epochs alone. benchmarks/stopping_table.py prints the tables again.
"""

import argparse
import json

from drafted import DraftedProblem, drafted_problem
from measurement import Row, merge_records, merge_rows
from problems import ROOT
from rich.console import Console
from stopping_table import RESULTS, tables
from suite import problems

from flows.provenance import provenance_of
from mtl_core.config import Problem
from mtl_core.config.budget import budget_of
from mtl_core.studies.comparison.arms import ArmRun, run_arm
from mtl_core.studies.comparison.record import Arm
from mtl_core.studies.provenance import Provenance

__all__: list[str] = []

PROVENANCE = RESULTS.with_suffix(".provenance.json")
WORK = ROOT / ".trunkline" / "benchmarks" / "early_stopping"
PATIENT = "patient"
"""`joint` with three times the patience."""
ARMS: dict[str, tuple[Arm, int]] = {"joint": ("joint", 1), "freeze": ("freeze", 1), "hold": ("hold", 1)}
ARMS[PATIENT] = ("joint", 3)
"""Name in the results -> arm, and factor of the default patience."""


def with_patience(problem: Problem, rows: int, factor: int) -> Problem:
    """The problem with `factor` times the default patience for that number of training rows."""
    patience = factor * budget_of(problem.training, rows).patience
    stopping = problem.training.stopping.model_copy(update={"patience": patience})
    return problem.model_copy(update={"training": problem.training.model_copy(update={"stopping": stopping})})


def rows_of(problem: DraftedProblem, policy: str, run: ArmRun) -> list[Row]:
    """Rows of the results, one per task."""
    rows = []
    for task in problem.tasks:
        result, metric = run.tasks[task.name], task.metric
        values = [metric.oriented(value) for value in result.validation if value is not None]
        rows.append(
            {
                "problem": problem.name,
                "policy": policy,
                "seed": run.seed,
                "task": task.name,
                "metric": metric.name,
                "higher_is_better": metric.higher_is_better,
                "validation": result.validation[result.chosen - 1],
                "test": result.test[metric.name],
                "best": metric.oriented(max(values)),
                "epochs": len(result.validation),
                "seconds": round(result.seconds, 2),
            }
        )
    return rows


def store(problem: str, rows: list[Row], provenance: Provenance) -> None:
    """Replace the problem's rows in the result files."""
    merge_records(PROVENANCE, {problem: provenance.model_dump()})
    policies = list(ARMS)
    merge_rows(RESULTS, rows, ("problem",), lambda row: (row["problem"], row["seed"], policies.index(row["policy"])))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    listed = {problem.name: problem for problem in problems()}
    chosen = [name for name, problem in listed.items() if problem.half == "chosen"]
    parser.add_argument("--problems", nargs="+", choices=list(listed), default=chosen)
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    console = Console()
    for name in arguments.problems:
        problem, rows = drafted_problem(listed[name]), []
        for seed in range(arguments.seeds):
            for policy, (arm, factor) in ARMS.items():
                declared = with_patience(problem.problem, len(problem.splits.train), factor)
                folder = WORK / name / f"{policy}-{seed}"
                run = run_arm(arm, declared, problem.encoder, problem.splits, seed, folder)
                rows += rows_of(problem, policy, run)
                epochs = max(len(task.validation) for task in run.tasks.values())
                console.print(f"{name} {policy} seed {seed}: {epochs} epochs, {run.seconds:.0f} s")
        command = f"python benchmarks/early_stopping.py --problems {name} --seeds {arguments.seeds}"
        store(name, rows, provenance_of(command, range(arguments.seeds), ROOT, problem.problem))
    print("\n".join(tables(json.loads(RESULTS.read_text(encoding="utf-8")))))


if __name__ == "__main__":
    main()
