"""Tasks with several targets, with none, and with weights of rows: what the suite expects of their columns."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from mtl_core.config import Problem
from mtl_core.validation.outcome import Result
from mtl_core.validation.suite import load_suite, suite_path
from mtl_core.validation.validate import validate
from mtl_core.validation.write import write_profile
from tests.validation.conftest import DECLARED, ROWS, problem, set_column, table, write_part
from tests.validation.judging import quarantine

TASKS = {
    "slow": {**DECLARED["tasks"]["slow"], "weight_column": "copies"},
    "cells": {"kind": "multilabel", "columns": ["returned", "gift"]},
    "tags": {"kind": "multilabel", "target": "tags"},
    "groups": {"kind": "clustering", "clusters": 3},
    "shops": {"kind": "clustering", "clusters": 3, "target": "grade", "weight_column": "amount"},
}


def declared() -> Problem:
    return problem(tasks=TASKS)


def richer(month: int) -> pa.Table:
    places = range(ROWS)
    return (
        table(month)
        .append_column(
            "gift", pa.array([None if place % 4 == 0 else place % 3 == 0 for place in places]).cast(pa.int8())
        )
        .append_column("tags", pa.array(["red|new" if place % 3 else None for place in places]))
        .append_column("copies", pa.array([place % 5 for place in places], pa.float64()))
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for month in (2, 3):
        write_part(tmp_path, f"2024-{month:02}.parquet", richer(month))
    write_profile(tmp_path, declared())
    return tmp_path


def validated(folder: Path, changes: dict[str, list[Any]]) -> Result:
    part = richer(3)
    for name, values in changes.items():
        part = set_column(part, name, pa.array([*values, *part[name].to_pylist()[len(values) :]]))
    write_part(folder, "2024-03.parquet", part)
    return validate(folder, declared(), folder / "out")


def test_the_suite_speaks_of_every_column_that_a_task_reads(folder: Path) -> None:
    suite = load_suite(suite_path(folder, declared()))
    about = {column: {e.type for e in suite.expectations if e.columns == (column,)} for column in suite.columns}
    assert set(declared().columns) <= set(about)
    kwargs = {
        (e.columns[0], e.type): e.kwargs for e in suite.expectations if len(e.columns) == 1 and e.columns[0] in about
    }
    for column in ("returned", "gift"):
        assert kwargs[column, "expect_column_values_to_be_in_set"]["value_set"] == [0, 1]
    assert kwargs["gift", "expect_column_values_to_not_be_null"]["mostly"] < 0.75, "a label may always be unknown"
    assert "mostly" not in kwargs["copies", "expect_column_values_to_not_be_null"], "a weight may not"
    assert kwargs["copies", "expect_column_values_to_be_between"]["min_value"] == 0, "nor fall below 0"


def test_what_the_suite_was_made_of_meets_it(folder: Path) -> None:
    result = validated(folder, {})
    assert result.passed, result.message
    assert result.set_aside == 0


@pytest.mark.parametrize(
    ("column", "value"), [("gift", 2), ("copies", -1.0), ("copies", None)], ids=["a strange label", "below 0", "none"]
)
def test_a_row_that_no_task_could_read_is_set_aside(folder: Path, column: str, value: Any) -> None:
    result = validated(folder, {column: [value]})
    assert result.passed, result.message
    assert [(row["row"], row["column"]) for row in quarantine(folder)] == [(0, column)]


def test_a_missing_column_of_a_task_fails_the_part(folder: Path) -> None:
    write_part(folder, "2024-03.parquet", richer(3).drop_columns(["gift", "copies"]))
    result = validate(folder, declared(), folder / "out")
    assert not result.passed
    for column in ("gift", "copies"):
        assert f"{column}: no such column" in result.message
