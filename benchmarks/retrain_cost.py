"""Processor seconds of `mtl init`, `mtl profile` and `mtl retrain` on a small table, stage by stage.

    python benchmarks/retrain_cost.py [--rows 10000] [--keep FOLDER]

Generates a CSV of 13 columns (an id, a date, four categories, five numbers, two targets), makes a problem of it with
`mtl init` and `mtl profile`, and retrains it three times: `first` in a new folder, where Prefect also migrates its new
database; `later`, after a row has been added, so that every stage runs again; `unchanged`, where no stage has to run.
Each command is a separate process; its figure is user and system time of the process and all its descendants. Figures
of the stages are those of `mtl retrain --json`, including the start of their processes; `orchestration` is the rest:
Prefect's client and server, DVC, the model store, the comparison with the champion.

Training alone is measured in this process by repeating it after a short one has imported everything. The rest of a
retrain is `excluding training`; its limit is 45 s. The last line is one JSON object:
{"init": s, "profile": s, "training": s, "first": {"retrain": s, "stages": {name: s}, "orchestration": s,
"excluding_training": s}, "later": {...}, "unchanged": {...}, "ratio": first excluding_training / 45}.
"""

import argparse
import csv
import json
import math
import os
import random
import subprocess
import sys
import tempfile
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from measurement import processor_seconds, processor_seconds_of_children

LIMIT = 45.0
MTL = Path(sys.executable).with_name("mtl")
TASKS = "churned,spend"
RUNS = ("first", "later", "unchanged")
IDENTITY = {
    f"GIT_{role}_{field}": value
    for role in ("AUTHOR", "COMMITTER")
    for field, value in (("NAME", "benchmark"), ("EMAIL", "benchmark@example.org"))
}


def main() -> None:
    """Measure the cost of a retrain and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="new folder for the table and the problem")
    arguments = parser.parse_args()
    with nullcontext(arguments.keep) if arguments.keep else tempfile.TemporaryDirectory() as folder:
        home = Path(folder).resolve()
        home.mkdir(parents=True, exist_ok=True)
        report(measure(home, arguments.rows))


def measure(home: Path, rows: int) -> dict[str, Any]:
    """Figures of every command on a new problem below `home`."""
    table, folder = home / "customers.csv", home / "customers"
    write_table(table, rows)
    init, _ = run("init", str(table), "--tasks", TASKS, "-C", str(folder))
    profile, _ = run("profile", "-C", str(folder))
    commit(folder)  # DVC records an experiment relative to a commit
    first = retrain(folder, ran=True)
    training = training_seconds(folder)
    write_table(folder / "data" / table.name, rows + 1)
    later = retrain(folder, ran=True)
    unchanged = retrain(folder, ran=False)
    for figures in (first, later):
        figures["excluding_training"] = figures["retrain"] - training
    unchanged["excluding_training"] = unchanged["retrain"]
    return {
        "init": init,
        "profile": profile,
        "training": training,
        "first": first,
        "later": later,
        "unchanged": unchanged,
        "ratio": first["excluding_training"] / LIMIT,
    }


def retrain(folder: Path, *, ran: bool) -> dict[str, Any]:
    """Figures of one retrain, in which all stages must have run, or none."""
    total, result = run("retrain", "--json", "-C", str(folder))
    assert all(stage["ran"] == ran for stage in result["stages"])
    stages = {stage["name"]: stage["processor_seconds"] for stage in result["stages"]}
    return {"retrain": total, "stages": stages, "orchestration": total - sum(stages.values())}


def report(figures: dict[str, Any]) -> None:
    """Print the table and the line of JSON."""
    runs = [figures[name] for name in RUNS]
    rows = {f"stage {stage}": [run["stages"][stage] for run in runs] for stage in runs[0]["stages"]}
    rows |= {name: [run[name] for run in runs] for name in ("orchestration", "retrain")}
    rows[f"excluding training (limit {LIMIT:g})"] = [run["excluding_training"] for run in runs]
    print("processor seconds".ljust(28), *(name.rjust(10) for name in RUNS))
    for name, seconds in rows.items():
        print(name.ljust(28), *(f"{value:10.1f}" for value in seconds))
    print("The first retrain of a folder also migrates Prefect's new database.")
    print(*(f"{name} {figures[name]:.1f} s" for name in ("training", "init", "profile")), sep=", ")
    print(json.dumps(rounded(figures)))


def rounded(value: Any) -> Any:
    """The figures with two decimals."""
    return {name: rounded(part) for name, part in value.items()} if isinstance(value, dict) else round(value, 2)


def write_table(path: Path, rows: int) -> None:
    """Write a CSV of 13 columns: an id, a date, four categories, five numbers with gaps, and two learnable targets."""
    draw = random.Random(0)
    header = ["id", "joined", "plan", "region", "channel", "device", "age", "visits", "income", "rating", "balance"]
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow([*header, "churned", "spend"])
        for row in range(rows):
            plan, region = draw.choice(["basic", "pro", "team"]), f"r{draw.randrange(40)}"
            channel, device = draw.choice(["web", "shop", "phone", "mail"]), f"d{int(draw.expovariate(0.1))}"
            age, visits, income = draw.randint(18, 90), draw.randint(0, 40), draw.lognormvariate(10, 0.5)
            rating, balance = draw.random(), draw.gauss(0, 100)
            logit = (20 - visits) / 6 + (1.0 if plan == "basic" else -0.5) - balance / 100
            churned = draw.random() < 1 / (1 + math.exp(-logit))
            spend = 5 * visits + income / 1000 * (2 if plan == "pro" else 1) + draw.gauss(0, 8)
            out.writerow(
                [
                    *(
                        f"c{row}",
                        f"{2020 + row % 4}-{1 + row % 12:02}-{1 + row % 28:02}",
                        plan,
                        region,
                        channel,
                        device,
                    ),
                    *(age, visits, f"{income:.2f}", "" if row % 17 == 0 else f"{rating:.3f}", f"{balance:.2f}"),
                    *("yes" if churned else "no", f"{spend:.2f}"),
                ]
            )


def run(*arguments: str) -> tuple[float, Any]:
    """Processor seconds of `mtl` with these arguments, and its JSON where they contain `--json`."""
    before = processor_seconds_of_children()
    command = [str(MTL), *arguments]
    completed = subprocess.run(command, env=os.environ | IDENTITY, stdout=subprocess.PIPE, text=True, check=True)
    seconds = processor_seconds_of_children() - before
    return seconds, json.loads(completed.stdout) if "--json" in arguments else None


def commit(folder: Path) -> None:
    """Commit everything in the folder's git repository."""
    for arguments in (["add", "--all"], ["commit", "--quiet", "--message", "a problem"]):
        subprocess.run(["git", *arguments], cwd=folder, env=os.environ | IDENTITY, check=True)


def training_seconds(folder: Path) -> float:
    """Processor seconds of the problem's training, without the start of a process and without imports."""
    from flows.environment import prepare_environment
    from flows.layout import Layout

    prepare_environment(folder)  # before torch is imported
    from mtl_core.config import load_problem
    from mtl_core.data.encoded import EncodedSplit
    from mtl_core.data.encoder import Encoder
    from mtl_core.training import train

    layout, problem = Layout(folder), load_problem(folder)
    encoder = Encoder.load(layout.encoder)
    splits = [EncodedSplit.open(layout.encoded / name, encoder) for name in ("train", "validation")]
    short = problem.model_copy(update={"training": problem.training.model_copy(update={"epochs": 1})})
    seconds = 0.0
    for declared in (short, problem):
        with tempfile.TemporaryDirectory() as scratch:
            seconds = processor_seconds(partial(train, declared, encoder, *splits, Path(scratch)))
    return seconds


if __name__ == "__main__":
    main()
