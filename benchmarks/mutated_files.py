"""Mutated tables and params.yaml, each taken from `mtl init` to served predictions or to the command that refuses it.

    python benchmarks/mutated_files.py [--count 5000] [--first 0] [--processes 2]

A file that ends in anything but predictions or an error of Trunkline is printed with its number and its traceback; the
same number gives the same file. The last line is one JSON object:
{"files": n, "predicted": n, "refused": n, "tracebacks": n}.
"""

import argparse
import json
import multiprocessing
import os
import shutil
import sys
import tempfile
import traceback
from collections import Counter
from pathlib import Path

from rich.progress import track

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.mutated_commands import run_commands


def run_file(number: int) -> tuple[int, str, str]:
    """Number of the file, its outcome, and the traceback if it failed with one."""
    folder = Path(tempfile.mkdtemp(prefix="mutated-"))
    try:
        result = run_commands(folder / "file", number)
    except Exception:
        return number, "tracebacks", traceback.format_exc()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if result.command == "predict":
        return number, "predicted", ""
    if result.code < 2 or "error: " not in result.output:
        return number, "tracebacks", f"exit code {result.code} of {result.command}: {result.output}"
    return number, "refused", ""


def main() -> None:
    """Take every file through the commands and print the tracebacks and the counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=5_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    numbers = range(arguments.first, arguments.first + arguments.count)
    counts = Counter(predicted=0, refused=0, tracebacks=0)
    with multiprocessing.get_context("spawn").Pool(arguments.processes) as pool:
        for number, outcome, details in track(
            pool.imap_unordered(run_file, numbers), total=len(numbers), description="files"
        ):
            counts[outcome] += 1
            if details:
                print(f"file {number}:\n{details}", flush=True)
    print(json.dumps({"files": len(numbers), **counts}))
    sys.exit(1 if counts["tracebacks"] else 0)


if __name__ == "__main__":
    main()
