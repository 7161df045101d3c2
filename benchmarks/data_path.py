"""Cost of the data path: preparation relative to reading alone, validation relative to one SUMMARY run of the suite.

    python benchmarks/data_path.py [--rows 1 3 10] [--format csv] [--rounds 3] [--threads 1]

Preparation reads, splits, fits, encodes and writes generated parts (generated.py; rows in millions); for comparison,
pyarrow reads all batches of the same parts and discards them. Both run in separate processes, alternating, on the given
number of threads. Rates are rows per second and per processor second; the ratio is of the latter,
the median over rounds. `limit` is a lower bound for any encoder: read the parts once, text as dictionaries, and
write as many bytes as preparation writes.

Validation is `validate` on one part of 500,000 rows as a user runs it, from the file to the quarantine and the Data
Docs; for comparison, Great Expectations runs the same suite once, with result_format SUMMARY, on the frame of the same
file. Both read the file. A second part has bad rows in three columns. The ratio is the larger one of both parts.

The last line is one JSON object: {"prepare": {rows: ratio}, "peak_mib": {rows: MiB}, "validate": ratio}.
"""

import argparse
import json
import shutil
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
import pyarrow.parquet as pq
from generated import FORMATS, ROWS_OF_A_PART, TEXTS, write_problem
from measurement import processor_seconds
from memory import run_prepare
from process_cost import ProcessCost, cost_in_new_process

from mtl_core.config import Problem
from mtl_core.data.csv_files import BLOCK
from mtl_core.data.parquet_files import BATCH
from mtl_core.data.parts import Part, open_parts
from mtl_core.validation.expectation_runner import ExpectationRunner
from mtl_core.validation.frame import label_columns, to_frame
from mtl_core.validation.profile import write_profile
from mtl_core.validation.suite import load_suite, suite_path
from mtl_core.validation.validate import validate

BAD = {"text_3": None, "normal_0": 1e9, "price_0": -1.0}
BAD_ROWS = 100
"""Number of bad rows of each column in BAD."""


def read_parts(folder: Path, threads: int, texts: tuple[str, ...] = ()) -> None:
    """Read every batch of every part by pyarrow.

    `texts` are read as dictionaries from Parquet. CSV is read by the types of the first block of the first part, which
    is faster than inference per part.
    """
    pa.set_cpu_count(threads)
    types: dict[str, pa.DataType] = {}
    # `parts` is not used: it reads a CSV file to infer types, which belongs to preparation.
    for path in sorted((folder / "data").iterdir()):
        if path.suffix == ".parquet":
            for _ in pq.ParquetFile(path, memory_map=True, read_dictionary=list(texts)).iter_batches(batch_size=BATCH):
                pass
            continue
        if not types:
            with csv.open_csv(path, *_csv_options({})) as reader:
                types = {field.name: field.type for field in reader.schema}
        with csv.open_csv(path, *_csv_options(types)) as reader:
            for _ in reader:
                pass


def _csv_options(types: dict[str, pa.DataType]) -> tuple[csv.ReadOptions, csv.ParseOptions, csv.ConvertOptions]:
    return (
        csv.ReadOptions(block_size=BLOCK),
        csv.ParseOptions(newlines_in_values=True),
        csv.ConvertOptions(null_values=[""], strings_can_be_null=True, column_types=types),
    )


def lower_bound(folder: Path, threads: int) -> None:
    """Read once, and write as many bytes as preparation wrote."""
    read_parts(folder, threads, tuple(TEXTS))
    chunk = bytes(1 << 22)
    for path in sorted(path for path in (folder / "encoded").rglob("*") if path.is_file()):
        with (folder / "written").open("wb", buffering=0) as file:
            for start in range(0, size := path.stat().st_size, len(chunk)):
                file.write(memoryview(chunk)[: size - start])


def preparation(folder: Path, rows: int, file_format: str, rounds: int, threads: int) -> tuple[float, float]:
    """Median ratio of rates, and the peak of all resident memory in MiB."""
    write_problem(folder, rows, file_format)
    variants: dict[str, Callable[..., None]] = {"read": read_parts, "prepare": run_prepare, "limit": lower_bound}
    costs: dict[str, list[ProcessCost]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, variant in variants.items():
            costs[name].append(cost_in_new_process(variant, folder, threads))
        shutil.rmtree(folder / "encoded")  # not measured
    for name, runs in costs.items():
        per_second, per_processor_second = (
            rows / statistics.median(getattr(cost, field) for cost in runs) for field in ("wall", "processor")
        )
        peak = max(cost.peak for cost in runs)
        print(f"{rows:>12,} {name:>8} {per_second:>13,.0f} {per_processor_second:>17,.0f} {peak:>9,.0f}")
    ratios = {
        (name, field): statistics.median(
            getattr(read, field) / getattr(run, field) for read, run in zip(costs["read"], costs[name], strict=True)
        )
        for name in ("prepare", "limit")
        for field in ("wall", "processor")
    }
    print(
        f"{rows:>12,}    ratio prepare / read: {ratios['prepare', 'processor']:.3f} by processor seconds, "
        f"{ratios['prepare', 'wall']:.3f} by seconds; limit / read: {ratios['limit', 'processor']:.3f}"
    )
    return ratios["prepare", "processor"], max(cost.peak for cost in costs["prepare"])


def validation(folder: Path, file_format: str, rounds: int, threads: int) -> float:
    """The larger one of the two parts' median ratios of processor seconds."""
    pa.set_cpu_count(threads)
    problem = write_problem(folder, ROWS_OF_A_PART, file_format)
    write_profile(folder, problem)
    ratios = {"clean": validation_ratio(folder, problem, rounds)}
    (part,) = open_parts(folder, problem)
    write_bad_rows(part)
    ratios["with bad rows"] = validation_ratio(folder, problem, rounds)
    for name, ratio in ratios.items():
        print(f"part {name:>13}: validate / SUMMARY {ratio:.2f}")
    return max(ratios.values())


def validation_ratio(folder: Path, problem: Problem, rounds: int) -> float:
    """Median ratio of the processor seconds of validate to those of a SUMMARY run."""
    path = suite_path(folder, problem)
    runner = ExpectationRunner(load_suite(path), path)

    def summary_run() -> None:
        (part,) = open_parts(folder, problem)
        table = part.read(part.types.names)
        whole = pd.concat([to_frame(table), pd.DataFrame(label_columns(problem, table, runner.suite.columns))], axis=1)
        runner.run(whole, range(len(runner.suite.expectations)))

    ratios = []
    for _ in range(rounds):
        summary = processor_seconds(summary_run)
        validation = processor_seconds(lambda: validate(folder, problem, folder / "validation"))
        print(f"validate {validation:.2f}, SUMMARY {summary:.2f} processor seconds")
        ratios.append(validation / summary)
    return statistics.median(ratios)


def write_bad_rows(part: Part) -> None:
    """Overwrite BAD_ROWS rows of each of three columns with bad values, in place."""
    table = part.read(part.types.names)
    for number, (name, value) in enumerate(BAD.items()):
        bad = pa.array([start // BAD_ROWS == number for start in range(table.num_rows)])
        values = pc.if_else(bad, pa.scalar(value, table[name].type), table[name])
        table = table.set_column(table.column_names.index(name), name, values)
    (csv.write_csv if part.path.suffix == ".csv" else pq.write_table)(table, part.path)


def main() -> None:
    """Time the data path for every number of rows and print the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=float, nargs="+", default=[1, 3, 10], help="in millions")
    parser.add_argument("--format", choices=FORMATS, default="csv")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    ratios, peaks = {}, {}
    print(f"{'rows':>12} {'':>8} {'rows/second':>13} {'/processor second':>17} {'peak, MiB':>9}")
    for rows in (round(millions * 1e6) for millions in arguments.rows):
        with tempfile.TemporaryDirectory() as folder:
            ratio, peak = preparation(
                Path(folder) / "problem", rows, arguments.format, arguments.rounds, arguments.threads
            )
        ratios[rows], peaks[rows] = round(ratio, 3), round(peak)
    with tempfile.TemporaryDirectory() as folder:
        largest = validation(Path(folder) / "problem", arguments.format, arguments.rounds, arguments.threads)
    print(json.dumps({"prepare": ratios, "peak_mib": peaks, "validate": round(largest, 2)}))


if __name__ == "__main__":
    main()
