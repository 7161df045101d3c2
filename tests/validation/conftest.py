"""A problem of two tiny parts and its suite, made once; a copy for each test that changes them."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq
import pytest

from mtl_core.config import Problem, parse_problem
from mtl_core.validation.write import write_profile

ROWS = 100

DECLARED: dict[str, Any] = {
    "name": "orders",
    "data": {"path": "data", "quarantine": 0.05},
    "split": {"by": "time", "column": "day", "validation": "2024-03-01", "test": "2024-04-01"},
    "features": {
        "shop": {"kind": "categorical"},
        "amount": {"kind": "numeric"},
        "humidity": {"kind": "numeric"},
        "is_gift": {"kind": "numeric"},
    },
    "tasks": {
        "returned": {"kind": "binary", "target": "returned", "metric": "auc"},
        "slow": {"kind": "binary", "target": "days", "at_least": 5},
        "days": {"kind": "regression", "target": "days"},
        "grade": {"kind": "multiclass", "target": "grade"},
    },
}


def table(month: int) -> pa.Table:
    """ROWS orders of a month; the humidity has holes in every tenth row."""
    random = np.random.default_rng(month)
    places = np.arange(ROWS)
    return pa.table(
        {
            "day": pa.array([f"2024-{month:02}-{1 + place % 28:02}" for place in places]).cast(pa.date32()),
            "shop": pa.array(random.choice(["east", "north", "west"], ROWS).tolist()),
            "amount": pa.array(random.integers(1, 1_000, ROWS)),
            "humidity": pa.array([None if place % 10 == 0 else float(place) for place in places]),
            "is_gift": pa.array((places % 3 == 0).tolist()),
            "returned": pa.array((places % 5 == 0).astype(int)),
            "days": pa.array([None if place % 20 == 0 else int(place % 9) for place in places]),
            "grade": pa.array([("good", "fair", "poor")[place % 3] for place in places]),
            "note": pa.array([f"n{place}" for place in places]),
        }
    )


def problem(**changes: Any) -> Problem:
    return parse_problem({**DECLARED, **changes})


def write_part(folder: Path, name: str, content: pa.Table) -> None:
    path = folder / "data" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".csv":
        csv.write_csv(content, path)
    else:
        pq.write_table(content, path)


def set_column(content: pa.Table, name: str, values: pa.Array | list[Any]) -> pa.Table:
    return content.set_column(
        content.column_names.index(name), name, values if isinstance(values, pa.Array) else [values]
    )


def change(name: str, values: dict[int, Any]) -> Callable[[pa.Table], pa.Table]:
    """Other values in some rows of a column."""

    def changed(content: pa.Table) -> pa.Table:
        column = content[name].to_pylist()
        for row, value in values.items():
            column[row] = value
        return set_column(content, name, pa.array(column))

    return changed


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The problem's folder with its data and its suite; not to be changed."""
    folder = tmp_path_factory.mktemp("orders")
    for month in (2, 3):
        write_part(folder, f"2024-{month:02}.parquet", table(month))
    write_profile(folder, problem())
    return folder


@pytest.fixture
def folder(reference: Path, tmp_path: Path) -> Path:
    """A copy to change."""
    return shutil.copytree(reference, tmp_path / "orders")
