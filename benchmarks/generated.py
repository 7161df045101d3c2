"""A generated problem of any size for the benchmarks of the data path: 40 columns, written part by part.

    python benchmarks/generated.py FOLDER [--rows 1] [--format parquet]

Writes FOLDER/params.yaml and FOLDER/data/part-NNN.parquet (or .csv), ROWS_OF_A_PART rows each, with `--rows` in
millions; the same seed gives the same values in both formats. The columns: a day that splits by time, 12 of text and 7
of integer codes with 2 to 30,000 values of Zipf-like frequencies, 18 numbers (normal, long-tailed, counts, prices of
two decimals), and two targets. Every third feature has 2% missing values.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
import pyarrow.parquet as pq
from numpy.typing import NDArray
from ruamel.yaml import YAML

from mtl_core.config import Problem, parse_problem

FORMATS = ("parquet", "csv")
ROWS_OF_A_PART = 500_000
TEXTS = {f"text_{size}": size for size in (2, 3, 5, 8, 15, 30, 60, 120, 500, 2_000, 10_000, 30_000)}
CODES = {f"code_{size}": size for size in (2, 7, 24, 60, 300, 1_000, 5_000)}
KINDS = ("normal", "amount", "count", "price", "share", "age")
NUMBERS = {f"{kind}_{number}": kind for kind in KINDS for number in range(3)}
FEATURES = (*TEXTS, *CODES, *NUMBERS)
COLUMNS = ("day", *FEATURES, "bought", "spent")
MISSING = 0.02
FIRST_DAY, DAYS = np.datetime64("2023-01-01"), 365


def document(file_format: str) -> dict[str, Any]:
    """The problem's params.yaml: a small network, one epoch."""
    categorical = {name: {"kind": "categorical"} for name in (*TEXTS, *CODES)}
    numeric = {
        name: {"kind": "numeric", **({"transform": "log1p"} if kind in ("amount", "count") else {})}
        for name, kind in NUMBERS.items()
    }
    return {
        "name": f"generated_{file_format}",
        "data": {"path": "data"},
        "split": {"by": "time", "column": "day", "validation": "2023-11-06", "test": "2023-12-06"},
        "features": {**categorical, **numeric},
        "tasks": {
            "bought": {"kind": "binary", "target": "bought"},
            "spent": {"kind": "regression", "target": "spent", "unit": "EUR"},
            "basket": {"kind": "multiclass", "target": "spent", "edges": [10, 40], "classes": ["low", "mid", "high"]},
        },
        "model": {
            "embedding": 4,
            "trunk": {"kind": "shared_bottom", "widths": [32], "dropout": 0.0},
            "head": {"width": 8, "dropout": 0.0},
        },
        "training": {"epochs": 1, "batch_size": 4096, "learning_rate": 0.001, "threads": 1},
    }


def write_problem(folder: Path, rows: int, file_format: str) -> Problem:
    """Write the problem and its parts below `folder`, with the memory of one part."""
    (folder / "data").mkdir(parents=True)
    with (folder / "params.yaml").open("w", encoding="utf-8") as file:
        YAML().dump(document(file_format), file)
    for number, start in enumerate(range(0, rows, ROWS_OF_A_PART)):
        table = part_of(number, start, min(start + ROWS_OF_A_PART, rows), rows)
        path = folder / "data" / f"part-{number:03}.{file_format}"
        if file_format == "csv":
            csv.write_csv(table, path, csv.WriteOptions(quoting_style="needed"))
        else:
            pq.write_table(table, path, compression="zstd")  # as the parts of the flights are
    return parse_problem(document(file_format))


def part_of(number: int, start: int, stop: int, rows: int) -> pa.Table:
    """Rows `start` to `stop` of `rows`, in the order of their days."""
    generator, size = np.random.default_rng([0, number]), stop - start
    columns: dict[str, pa.Array] = {
        "day": pa.array(FIRST_DAY + np.arange(start, stop) * DAYS // rows),
        **{name: _text(_zipf(generator, values, size)) for name, values in TEXTS.items()},
        **{name: pa.array(_zipf(generator, values, size)) for name, values in CODES.items()},
        **{name: pa.array(_numbers(generator, kind, size)) for name, kind in NUMBERS.items()},
    }
    signal = columns["normal_0"].to_numpy() + columns["share_0"].to_numpy() - columns["code_7"].to_numpy() / 7
    bought = generator.random(size) < 1 / (1 + np.exp(1.5 - signal))
    spent = np.round(np.exp(2.5 + 0.5 * signal + 0.5 * generator.normal(size=size)), 2)
    for name in FEATURES[::3]:
        columns[name] = pc.if_else(pa.array(generator.random(size) < MISSING), None, columns[name])
    return pa.table({**columns, "bought": pa.array(bought.astype(np.int8)), "spent": pa.array(spent, mask=~bought)})


def _text(values: NDArray[np.int64]) -> pa.Array:
    names = pa.array([f"value {value:05}" for value in range(int(values.max()) + 1)])
    return names.take(pa.array(values))


def _zipf(generator: np.random.Generator, values: int, size: int) -> NDArray[np.int64]:
    """Codes below `values`; the first is the most frequent."""
    return np.floor(values ** generator.random(size)).astype(np.int64) - 1


def _numbers(generator: np.random.Generator, kind: str, size: int) -> NDArray[np.generic]:
    match kind:
        case "normal":
            return generator.normal(size=size)
        case "amount":
            return generator.lognormal(3, 1.5, size)
        case "count":
            return generator.poisson(3, size)
        case "price":
            return np.round(generator.gamma(2, 20, size), 2)
        case "share":
            return generator.random(size).astype(np.float32)
        case _:
            return generator.integers(18, 90, size, dtype=np.int32)


def main() -> None:
    """Write the table into a folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=float, default=1.0, help="in millions")
    parser.add_argument("--format", choices=FORMATS, default="parquet")
    arguments = parser.parse_args()
    write_problem(arguments.folder, round(arguments.rows * 1e6), arguments.format)


if __name__ == "__main__":
    main()
