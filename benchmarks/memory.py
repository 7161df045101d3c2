"""Rows against peak memory and seconds: preparing generated parts, and training on them for one epoch.

    python benchmarks/memory.py [--rows 1 3 10] [--format parquet] [--threads 1]

Every row count, in millions, and each step runs in a separate process. `peak` is VmHWM, all resident pages; `anonymous`
is the peak without the pages of mapped files: training maps the encoded splits, whose pages the kernel can drop. The
network is small; see generated.py. The last line is one JSON object: {"prepare": {rows: MiB}, "train": {rows: MiB},
"seconds": {"prepare": {rows: s}, "train": {rows: s}}}, with the anonymous peaks.
"""

import argparse
import json
import tempfile
from pathlib import Path

import pyarrow as pa
import torch
from generated import FORMATS, write_problem
from process_cost import ProcessCost, cost_in_new_process

from mtl_core.config import load_problem
from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.encoder import Encoder
from mtl_core.data.prepare import prepare
from mtl_core.training import train
from mtl_core.validation.results import write_quarantine


def run_prepare(folder: Path, threads: int) -> None:
    """The stage `prepare` on a generated problem, with no quarantined row."""
    pa.set_cpu_count(threads)
    quarantine = folder / "quarantine.parquet"
    write_quarantine(quarantine, ())
    prepare(folder, load_problem(folder), quarantine, folder / "encoded")


def run_train(folder: Path, threads: int) -> None:
    """The stage `train` on the prepared rows."""
    torch.set_num_threads(threads)
    problem = load_problem(folder)
    training = problem.training.model_copy(update={"threads": threads})
    encoder = Encoder.load(folder / "encoded" / "encoder.json")
    splits = [EncodedSplit.open(folder / "encoded" / name, encoder) for name in ("train", "validation")]
    train(problem.model_copy(update={"training": training}), encoder, splits[0], splits[1], folder / "resume")


STEPS = {"prepare": run_prepare, "train": run_train}


def main() -> None:
    """Measure and print the table of peaks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=float, nargs="+", default=[1, 3, 10], help="in millions")
    parser.add_argument("--format", choices=FORMATS, default="parquet")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    costs: dict[str, dict[int, ProcessCost]] = {step: {} for step in STEPS}
    print(f"{'rows':>12} {'step':>8} {'peak':>7} {'anonymous':>9} {'before':>7} MiB {'seconds':>8} {'per million':>11}")
    for rows in (round(millions * 1e6) for millions in arguments.rows):
        with tempfile.TemporaryDirectory() as folder:
            write_problem(Path(folder) / "problem", rows, arguments.format)
            for name, step in STEPS.items():
                cost = costs[name][rows] = cost_in_new_process(step, Path(folder) / "problem", arguments.threads)
                print(
                    f"{rows:>12,} {name:>8} {cost.peak:>7,.0f} {cost.anonymous:>9,.0f} {cost.before:>7,.0f}     "
                    f"{cost.wall:>8.1f} {cost.wall / rows * 1e6:>11.2f}"
                )
    memory = {step: {rows: round(cost.anonymous) for rows, cost in runs.items()} for step, runs in costs.items()}
    seconds = {step: {rows: round(cost.wall, 1) for rows, cost in runs.items()} for step, runs in costs.items()}
    print(json.dumps({**memory, "seconds": seconds}))


if __name__ == "__main__":
    main()
