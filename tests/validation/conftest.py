"""A problem with two small parts and its suite, written once; a copy for each test that changes them."""

import json
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
from mtl_core.data.parts import parts
from mtl_core.validation.expectation_runner import ExpectationRunner
from mtl_core.validation.part import validate_part
from mtl_core.validation.profile import write_profile
from mtl_core.validation.results import PartValidation
from mtl_core.validation.suite import load_suite, suite_path

ROWS = 100
CHANGED = "2024-03.parquet"
"""The part that tests change."""
INF = float("inf")
Reason = tuple[int, str, str | None]
"""Row, column and value."""

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
    """ROWS orders of a month; the humidity is null in every tenth row."""
    random = np.random.default_rng(month)
    rows = np.arange(ROWS)
    return pa.table(
        {
            "day": pa.array([f"2024-{month:02}-{1 + row % 28:02}" for row in rows]).cast(pa.date32()),
            "shop": pa.array(random.choice(["east", "north", "west"], ROWS).tolist()),
            "amount": pa.array(random.integers(1, 1_000, ROWS)),
            "humidity": pa.array([None if row % 10 == 0 else float(row) for row in rows]),
            "is_gift": pa.array((rows % 3 == 0).tolist()),
            "returned": pa.array((rows % 5 == 0).astype(int)),
            "days": pa.array([None if row % 20 == 0 else int(row % 9) for row in rows]),
            "grade": pa.array([("good", "fair", "poor")[row % 3] for row in rows]),
            "note": pa.array([f"n{row}" for row in rows]),
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


def changed(content: pa.Table, **columns: pa.Array | list[Any] | dict[int, Any]) -> pa.Table:
    """The content with other columns; a dictionary has the values of some rows."""
    for name, values in columns.items():
        if isinstance(values, dict):
            old = content[name].to_pylist()
            values = [values.get(row, value) for row, value in enumerate(old)]
        values = values if isinstance(values, pa.Array) else pa.array(values)
        content = content.drop_columns([name] if name in content.column_names else []).append_column(name, values)
    return content


def runner_of(folder: Path, declared: Problem | None = None) -> ExpectationRunner:
    path = suite_path(folder, declared or problem())
    return ExpectationRunner(load_suite(path), path)


def validated(
    folder: Path,
    content: pa.Table | None = None,
    runner: ExpectationRunner | None = None,
    declared: Problem | None = None,
    index: int = 1,
) -> PartValidation:
    """Validation of one part, with other content if given, without Data Docs."""
    if content is not None:
        write_part(folder, CHANGED, content)
    declared = declared or problem()
    return validate_part(parts(folder, declared)[index], declared, runner or runner_of(folder))


def reasons(result: PartValidation) -> list[Reason]:
    return [(reason.row, reason.column, reason.value) for reason in result.reasons]


def edit(folder: Path, change: Callable[[list[dict[str, Any]]], None]) -> None:
    """Change the entries of the suite."""
    path = suite_path(folder, problem())
    document = json.loads(path.read_text())
    change(document["expectations"])
    path.write_text(json.dumps(document))


def about(entries: list[dict[str, Any]], column: str, key: str) -> dict[str, Any]:
    """The only entry about a column with that argument."""
    (entry,) = [e for e in entries if e["kwargs"].get("column") == column and key in e["kwargs"]]
    return entry


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The problem's folder with its data and its suite; tests must not change it."""
    folder = tmp_path_factory.mktemp("orders")
    for month in (2, 3):
        write_part(folder, f"2024-{month:02}.parquet", table(month))
    write_profile(folder, problem())
    return folder


@pytest.fixture
def folder(reference: Path, tmp_path: Path) -> Path:
    """A copy that tests may change."""
    return shutil.copytree(reference, tmp_path / "orders")
