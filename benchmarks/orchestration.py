"""Seconds of orchestration in `mtl retrain` when every stage is up to date.

    python benchmarks/orchestration.py [--folder FOLDER] [--rounds 3]

`stages` is the time in the tasks that bring a stage up to date: DVC hashes their inputs and finds nothing to do.
`orchestration` is the rest of the command: its start, Prefect's server and client, the artifacts, the model store, the
DVC experiment. Without `PREFECT_API_URL` it includes the start of a temporary server. Without `--folder` the problem is
a generated table of 2,000 rows, which is retrained once before. Each round is a whole process; `processor` is user and
system time of the process and all its descendants.

The limit of orchestration is 60 s. The last line is one JSON object with medians:
{"total": s, "stages": s, "orchestration": s, "processor": s, "ratio": orchestration / 60, "stage": {name: s}}.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from measurement import processor_seconds_of_children
from retrain_cost import IDENTITY, commit, rounded, run, write_table

LIMIT = 60.0
ROWS = 2_000
MTL = Path(sys.executable).with_name("mtl")


def main() -> None:
    """Measure the retrain of an unchanged problem and print stage time against total."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="a problem that has been retrained; default: a generated one")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    if arguments.folder:
        report([measure(arguments.folder.resolve()) for _ in range(arguments.rounds)])
        return
    with tempfile.TemporaryDirectory() as home:
        folder = retrained_problem(Path(home))
        report([measure(folder) for _ in range(arguments.rounds)])


def retrained_problem(home: Path) -> Path:
    """A generated problem after one retrain."""
    table, folder = home / "customers.csv", home / "customers"
    write_table(table, ROWS)
    run("init", str(table), "--tasks", "churned,spend", "-C", str(folder))
    run("profile", "-C", str(folder))
    commit(folder)
    run("retrain", "-C", str(folder))
    return folder


def measure(folder: Path) -> dict[str, Any]:
    """Seconds of one retrain, in which no stage may run."""
    before, start = processor_seconds_of_children(), time.perf_counter()
    command = [str(MTL), "retrain", "--json", "-C", str(folder)]
    done = subprocess.run(command, env=os.environ | IDENTITY, stdout=subprocess.PIPE, text=True, check=True)
    total, processor = time.perf_counter() - start, processor_seconds_of_children() - before
    stages = json.loads(done.stdout)["stages"]
    if ran := [stage["name"] for stage in stages if stage["ran"]]:
        raise SystemExit(f"{folder}: all stages must be up to date, found that {', '.join(ran)} ran; run this again")
    seconds = {stage["name"]: stage["seconds"] for stage in stages}
    return {"total": total, "processor": processor, "stage": seconds}


def report(rounds: list[dict[str, Any]]) -> None:
    """Print the table of medians and the line of JSON."""
    stage = {name: statistics.median(r["stage"][name] for r in rounds) for name in rounds[0]["stage"]}
    stages = statistics.median(sum(r["stage"].values()) for r in rounds)
    orchestration = statistics.median(r["total"] - sum(r["stage"].values()) for r in rounds)
    total, processor = (statistics.median(r[name] for r in rounds) for name in ("total", "processor"))
    print(f"{'seconds, nothing to run':<32}{'median of ' + str(len(rounds)):>14}")
    for name, seconds in stage.items():
        print(f"{'stage ' + name:<32}{seconds:>14.2f}")
    for name, seconds in (
        ("all stages", stages),
        (f"orchestration (limit {LIMIT:g})", orchestration),
        ("total", total),
        ("processor time of the total", processor),
    ):
        print(f"{name:<32}{seconds:>14.2f}")
    figures = {"total": total, "stages": stages, "orchestration": orchestration, "processor": processor}
    print(json.dumps(rounded({**figures, "ratio": orchestration / LIMIT, "stage": stage})))


if __name__ == "__main__":
    main()
