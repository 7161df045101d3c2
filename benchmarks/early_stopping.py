"""New evidence on early stopping: what each policy makes of each task, on problems whose tasks converge at different
speeds or are partly labelled, with five seeds, beside a network per task.

    python benchmarks/early_stopping.py [--problems flights films ...] [--seeds 5]  # over an hour; goes on after a kill

Every problem is trained as its params.yaml says, on one thread, but for policy and seed; the model is chosen on
validation and measured on test. Results: benchmarks/results/early_stopping.json, a list of {problem, policy, seed,
task, metric, value, epochs, seconds}: the task's own metric on test; epochs and processor seconds of the training that
made it, which for a shared network is that of all tasks. `patient` is `joint` with three times the patience: what more
epochs alone bring. How they were made: early_stopping.made.json beside it. benchmarks/stopping_table.py prints the
tables again.
"""

import argparse
import json
from typing import Any

from problems import FOLDERS, ROOT, Prepared, prepared
from rich.console import Console
from stopping_table import RESULTS, summary, tables

from flows.provenance import provenance_of
from mtl_core.config import Problem
from mtl_core.files import write_text
from mtl_core.studies.arms import POLICIES, SINGLE_TASK, Arm, ArmRun, run_arm
from mtl_core.studies.provenance import Provenance

MADE = RESULTS.with_suffix(".made.json")
WORK = ROOT / ".trunkline" / "benchmarks" / "early_stopping"
PATIENT = "patient"
"""`joint` with three times the patience: what comes of more epochs alone."""
ARMS: dict[str, tuple[Arm, int]] = {policy: (policy, 1) for policy in POLICIES}
ARMS |= {SINGLE_TASK: (SINGLE_TASK, 1), PATIENT: ("joint", 3)}
"""Name of a policy in the results -> the arm that is run, and how many times the declared patience it has."""

Row = dict[str, Any]


def with_patience(problem: Problem, times: int) -> Problem:
    """The problem with so many times the declared patience."""
    stopping = problem.training.stopping
    longer = stopping.model_copy(update={"patience": times * stopping.patience})
    return problem.model_copy(update={"training": problem.training.model_copy(update={"stopping": longer})})


def rows_of(problem: str, policy: str, prepared: Prepared, run: ArmRun) -> list[Row]:
    """A line of the results per task."""
    tasks = {task.name: task for task in prepared.tasks}
    return [
        {
            "problem": problem,
            "policy": policy,
            "seed": run.seed,
            "task": name,
            "metric": tasks[name].metric.name,
            "value": found.test[tasks[name].metric.name],
            "epochs": len(found.validation),
            "seconds": round(found.seconds, 2),
        }
        for name, found in run.tasks.items()
    ]


def keep(problem: str, rows: list[Row], made: Provenance) -> None:
    """Puts the problem's lines in the place of what the files have of it."""
    before = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else []
    records = json.loads(MADE.read_text(encoding="utf-8")) if MADE.exists() else {}
    after = [row for row in before if row["problem"] != problem] + rows
    order = list(FOLDERS)
    after.sort(key=lambda row: (order.index(row["problem"]), row["seed"], list(ARMS).index(row["policy"])))
    write_text(MADE, json.dumps(records | {problem: made.model_dump()}, indent=1) + "\n")
    write_text(RESULTS, "[\n" + ",\n".join(json.dumps(row) for row in after) + "\n]\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", nargs="+", choices=list(FOLDERS), default=list(FOLDERS))
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    console = Console()
    for name in arguments.problems:
        work, rows = WORK / name, []
        with prepared(FOLDERS[name], threads=1) as problem:
            for seed in range(arguments.seeds):
                for policy, (arm, times) in ARMS.items():
                    declared = with_patience(problem.declared, times)
                    run = run_arm(arm, declared, problem.encoder, problem.splits, seed, work / f"{policy}-{seed}")
                    rows += rows_of(name, policy, problem, run)
                    epochs = max(len(task.validation) for task in run.tasks.values())
                    console.print(f"{name} {policy} seed {seed}: {epochs} epochs, {run.seconds:.0f} s")
        command = f"python benchmarks/early_stopping.py --problems {name} --seeds {arguments.seeds}"
        keep(name, rows, provenance_of(command, range(arguments.seeds), ROOT, problem.declared))
    found = json.loads(RESULTS.read_text(encoding="utf-8"))
    print("\n".join([*summary(found), *tables(found)]))


if __name__ == "__main__":
    main()
