"""Orders of a month as a table, part files, and a declared problem."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq

from mtl_core.config import Problem, parse_problem
from mtl_core.data.parts import open_parts
from mtl_core.data.rolling import resolve_split
from mtl_core.data.split import SPLITS, assign
from mtl_core.data.splitter import LEFT_OUT

ROWS = 60
"""Rows of each month."""
DECLARED: dict[str, Any] = {
    "name": "orders",
    "data": {"path": "data"},
    "split": {"by": "time", "column": "day", "validation": "2024-02-01", "test": "2024-03-01"},
    "features": {"shop": {"kind": "categorical", "min_count": 1}, "amount": {"kind": "numeric"}},
    "tasks": {
        "returned": {"kind": "binary", "target": "returned"},
        "slow": {"kind": "binary", "target": "days", "at_least": 5},
        "days": {"kind": "regression", "target": "days"},
    },
}


def declared(**changes: Any) -> Problem:
    """The problem with changed top-level values."""
    return parse_problem({**DECLARED, **changes})


def split_by(kind: str, **options: Any) -> Any:
    """A declared split by the column `c`."""
    return declared(split={"by": kind, "column": "c", **options}).split


def split_names(split: Any, values: Any) -> list[str]:
    """The split of each value of the split's column."""
    values = values if isinstance(values, pa.Array) else pa.array(values)
    indices = assign(resolve_split(split, [values]), values)
    assert indices.dtype == np.int8
    return [(*SPLITS, LEFT_OUT)[index] for index in indices]


def month(number: int) -> pa.Table:
    """ROWS orders. No feature or task reads `note`; `row` is unique over all months."""
    rows = np.arange(ROWS)
    return pa.table(
        {
            "day": pa.array([f"2024-{number:02}-{1 + row % 28:02}" for row in rows]).cast(pa.date32()),
            "shop": [("east", "north", None, f"only {number}")[row % 4] for row in rows],
            "amount": [None if row % 10 == 0 else float(row) for row in rows],
            "returned": [bool(row % 5 == 0) for row in rows],
            "days": [None if row % 7 == 0 else int(row % 9) for row in rows],
            "row": (number * 1_000 + rows).tolist(),
            "note": [f"n{row}" for row in rows],
        }
    )


def write(folder: Path, **parts: pa.Table) -> None:
    """Write parts as `data/NAME.parquet`, or as `data/NAME.csv` for names that end in _csv."""
    (folder / "data").mkdir(exist_ok=True)
    for name, content in parts.items():
        if name.endswith("_csv"):
            csv.write_csv(content, folder / "data" / f"{name.removesuffix('_csv')}.csv")
        else:
            pq.write_table(content, folder / "data" / f"{name}.parquet")


def csv_part(folder: Path, content: str | bytes, name: str = "a.csv") -> None:
    """Write a part with that content."""
    (folder / "data").mkdir(exist_ok=True)
    (folder / "data" / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def read(folder: Path, column: str, problem: Problem | None = None) -> list[Any]:
    """The values of a column in all parts."""
    parts = open_parts(folder, problem or declared())
    return [value for part in parts for value in part.read([column])[column].to_pylist()]


def quarantine(folder: Path, rows: Sequence[tuple[str, int]] = ()) -> Path:
    """Write the file of quarantined rows: (part, row)."""
    path = folder / "quarantine.parquet"
    schema = pa.schema({"part": pa.string(), "row": pa.int64()})
    pq.write_table(pa.Table.from_pylist([{"part": part, "row": row} for part, row in rows], schema), path)
    return path


def contents(folder: Path) -> dict[str, bytes]:
    """Path -> content of every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
