"""Growth of the time of commands and of a served row with the columns of a table.

    python benchmarks/wide.py [--columns 100 400 1267] [--rows 2000] [--format parquet]

Generates tables of half flags and half numbers, with five columns of text and three targets, makes a problem of each by
`mtl init`, trains one epoch, and prints the processor seconds of every command. Then a model of the largest table: the
milliseconds of a row in the graph, in the service's reading of its JSON, and in the whole answer; one thread, medians.

The last line is one JSON object:
{"seconds": {columns: {command: s}}, "row_ms": {"graph": ms, "reading": ms, "answer": ms}}.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq
from measurement import processor_seconds_of_children
from ruamel.yaml import YAML

from flows.layout import Layout
from mtl_core.data.encoder import Encoder
from mtl_core.timing import median_ms
from serving.live import ServedModel
from serving.model import OnnxModel
from serving.rows import RequestDecoder

MTL = Path(sys.executable).with_name("mtl")
TEXTS = 5
CALLS = 300
STAGES = ("digests", "validate", "prepare", "train", "export", "check", "report")


def main() -> None:
    """Time commands and a served row for every width and print the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--columns", type=int, nargs="+", default=[100, 400, 1267])
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--format", choices=("parquet", "csv"), default="parquet")
    arguments = parser.parse_args()
    seconds: dict[int, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        for columns in arguments.columns:
            folder = Path(temporary) / f"problem_{columns}"
            file = write_table(Path(temporary), columns, arguments.rows, arguments.format)
            seconds[columns] = commands(file, folder)
            print(f"{columns:>6} columns: " + ", ".join(f"{name} {s:.1f}" for name, s in seconds[columns].items()))
        row_ms = served_row(Layout(folder))
    print("ms of a row: " + ", ".join(f"{name} {ms:.2f}" for name, ms in row_ms.items()))
    print(json.dumps({"seconds": seconds, "row_ms": row_ms}))


def write_table(folder: Path, columns: int, rows: int, file_format: str) -> Path:
    """A table with `columns` columns, a key and targets; every tenth number has missing values."""
    generator = np.random.default_rng(0)
    flags = columns // 2
    bits = generator.random((rows, flags)) < generator.random(flags)
    numbers = generator.normal(size=(rows, columns - flags - TEXTS))
    y = numbers[:, :8].sum(axis=1) / 3 + bits[:, :8].sum(axis=1) + 0.3 * generator.normal(size=rows)
    table: dict[str, object] = {"item_id": np.arange(rows)}
    table |= {f"fp_{index}": bits[:, index].astype(np.int64) for index in range(flags)}
    for index in range(numbers.shape[1]):
        missing = generator.random(rows) < 0.05 * (index % 10 == 0)
        table[f"desc_{index}"] = pa.array(numbers[:, index], mask=missing)
    for index in range(TEXTS):
        table[f"vendor_{index}"] = np.array(list("abcdefgh"))[generator.integers(0, 8, rows)]
    bands = np.array(["low", "mid", "high"])[np.digitize(y, [3, 5])]
    table |= {"active": (y > 4).astype(int), "affinity": y, "band": bands}
    path = folder / f"wide_{columns}.{file_format}"
    (csv.write_csv if file_format == "csv" else pq.write_table)(pa.table(table), path)
    return path


def commands(file: Path, folder: Path) -> dict[str, float]:
    """Processor seconds of each command on a new problem."""
    seconds = {"init": run("init", str(file), "--tasks", "active,affinity,band", "-C", str(folder))}
    yaml = YAML()
    params = yaml.load(folder / "params.yaml")
    params["training"] = {"seed": 0, "epochs": 1, "threads": 1}
    yaml.dump(params, folder / "params.yaml")
    for name in ("check", "profile"):
        seconds[name] = run(name, "-C", str(folder))
    return seconds | {f"stage {name}": run("stage", name, "-C", str(folder)) for name in STAGES}


def run(*arguments: str) -> float:
    """Processor seconds of a command; exits if it fails, except by a gate."""
    before = processor_seconds_of_children()
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    completed = subprocess.run([MTL, *arguments], env=environment, capture_output=True, text=True, check=False)
    if completed.returncode not in (0, 6):
        sys.exit(completed.stderr)
    return round(processor_seconds_of_children() - before, 1)


def served_row(layout: Layout) -> dict[str, float]:
    """Milliseconds of one row of the test split."""
    model = OnnxModel.load(layout.graph.parent)
    served, decoder = ServedModel(model), RequestDecoder(model.signature.inputs, model.signature.matrices)
    values = Encoder.load(layout.encoder).request_values(pq.read_table(layout.encoded / "test.parquet").slice(0, 1))
    body = json.dumps([{name: column[0] for name, column in values.items()}]).encode()
    (batch,) = decoder.decode(body)
    calls: dict[str, Callable[[], object]] = {
        "graph": lambda: model.predict(batch.tensors),
        "reading": lambda: list(decoder.decode(body)),
        "answer": lambda: served.respond(body),
    }
    return {name: round(ms, 3) for name, ms in median_ms(calls, rounds=CALLS).items()}


if __name__ == "__main__":
    main()
