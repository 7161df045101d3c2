"""Runs validation on the small parts, and reads what it left."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mtl_core.config import Problem
from mtl_core.validation.outcome import Result
from mtl_core.validation.suite import suite_path
from mtl_core.validation.validate import validate
from tests.validation.conftest import problem, table, write_part

Change = Callable[[pa.Table], pa.Table]
BAD = "2024-03.parquet"
INF = float("inf")


def validated(folder: Path, declared: Problem | None = None) -> Result:
    return validate(folder, declared or problem(), folder / "out")


def with_bad_part(folder: Path, changed: Change) -> Result:
    """The result where the second part was changed."""
    write_part(folder, BAD, changed(table(3)))
    return validated(folder)


def edit(folder: Path, change: Callable[[list[dict[str, Any]]], None]) -> None:
    path = suite_path(folder, problem())
    document = json.loads(path.read_text())
    change(document["expectations"])
    path.write_text(json.dumps(document))


def quarantine(folder: Path) -> list[dict[str, Any]]:
    return pq.read_table(folder / "out" / "quarantine.parquet").to_pylist()


def about(entries: list[dict[str, Any]], column: str, key: str) -> dict[str, Any]:
    (entry,) = [e for e in entries if e["kwargs"].get("column") == column and key in e["kwargs"]]
    return entry
