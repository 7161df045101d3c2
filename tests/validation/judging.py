"""Judges one changed part against a suite: Great Expectations runs once, and no page is drawn."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

from mtl_core.config import Problem
from mtl_core.data.parts import parts
from mtl_core.validation.outcome import PartResult
from mtl_core.validation.part import validate_part
from mtl_core.validation.runner import ExpectationRunner
from mtl_core.validation.suite import load_suite, suite_path
from tests.validation.conftest import problem, table, write_part

Change = Callable[[pa.Table], pa.Table]
Line = tuple[int, str, str | None]
"""Row, column and value of a reason to set the row aside."""
BAD = "2024-03.parquet"
INF = float("inf")


def runner_of(folder: Path) -> ExpectationRunner:
    path = suite_path(folder, problem())
    return ExpectationRunner(load_suite(path), path)


def judged(folder: Path, runner: ExpectationRunner | None = None, declared: Problem | None = None) -> PartResult:
    """The second part as it lies in the folder."""
    declared = declared or problem()
    return validate_part(parts(folder, declared)[1], declared, runner or runner_of(folder)).result


def with_changed_part(
    folder: Path, changed: Change, runner: ExpectationRunner | None = None, declared: Problem | None = None
) -> PartResult:
    """The second part, changed."""
    write_part(folder, BAD, changed(table(3)))
    return judged(folder, runner, declared)


def lines(result: PartResult) -> list[Line]:
    return [(reason.row, reason.column, reason.value) for reason in result.reasons]


def edit(folder: Path, change: Callable[[list[dict[str, Any]]], None]) -> None:
    path = suite_path(folder, problem())
    document = json.loads(path.read_text())
    change(document["expectations"])
    path.write_text(json.dumps(document))


def about(entries: list[dict[str, Any]], column: str, key: str) -> dict[str, Any]:
    (entry,) = [e for e in entries if e["kwargs"].get("column") == column and key in e["kwargs"]]
    return entry
