"""Orders of three months, as tables, parts and a declared problem."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq

from mtl_core.config import Problem, parse_problem

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
    """The problem with other values at its top."""
    return parse_problem({**DECLARED, **changes})


def month(number: int) -> pa.Table:
    """ROWS orders; `note` is a column that nothing reads, `row` counts through the year."""
    places = np.arange(ROWS)
    return pa.table(
        {
            "day": pa.array([f"2024-{number:02}-{1 + place % 28:02}" for place in places]).cast(pa.date32()),
            "shop": [("east", "north", None, f"only {number}")[place % 4] for place in places],
            "amount": [None if place % 10 == 0 else float(place) for place in places],
            "returned": [bool(place % 5 == 0) for place in places],
            "days": [None if place % 7 == 0 else int(place % 9) for place in places],
            "row": (number * 1_000 + places).tolist(),
            "note": [f"n{place}" for place in places],
        }
    )


def write(folder: Path, **parts: pa.Table) -> None:
    """Parts as `data/NAME.parquet`, or `data/NAME.csv` where the name ends in _csv."""
    (folder / "data").mkdir(exist_ok=True)
    for name, content in parts.items():
        if name.endswith("_csv"):
            csv.write_csv(content, folder / "data" / f"{name.removesuffix('_csv')}.csv")
        else:
            pq.write_table(content, folder / "data" / f"{name}.parquet")


def quarantine(folder: Path, rows: list[tuple[str, int]]) -> Path:
    """The file of quarantined rows."""
    path = folder / "quarantine.parquet"
    pq.write_table(
        pa.table(
            {"part": pa.array([r[0] for r in rows], pa.string()), "row": pa.array([r[1] for r in rows], pa.int64())}
        ),
        path,
    )
    return path


def no_quarantine(folder: Path) -> Path:
    """The file where no row is quarantined."""
    return quarantine(folder, [])


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
