"""Tasks with several targets, with none, and with weights of rows: what the suite expects of their columns."""

from pathlib import Path

import pyarrow as pa
import pytest

from mtl_core.config import Problem
from mtl_core.validation.outcome import PartResult
from mtl_core.validation.suite import load_suite, suite_path
from mtl_core.validation.write import write_profile
from tests.validation.conftest import DECLARED, ROWS, change, problem, table, write_part
from tests.validation.judging import BAD, Change, judged, lines

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


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("richer")
    for month in (2, 3):
        write_part(folder, f"2024-{month:02}.parquet", richer(month))
    write_profile(folder, declared())
    return folder


def judged_with(folder: Path, changed: Change) -> PartResult:
    """The second part, changed."""
    write_part(folder, BAD, changed(richer(3)))
    return judged(folder, declared=declared())


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
    result = judged(folder, declared=declared())
    assert result.passed, result.problems
    assert result.set_aside == 0


def test_rows_that_no_task_could_read_are_set_aside(folder: Path) -> None:
    """A label that its task does not know, a weight below 0, and none."""
    result = judged_with(folder, lambda part: change("copies", {1: -1.0, 2: None})(change("gift", {0: 2})(part)))
    assert result.passed, result.problems
    assert [line[:2] for line in lines(result)] == [(0, "gift"), (1, "copies"), (2, "copies")]


def test_a_missing_column_of_a_task_fails_the_part(folder: Path) -> None:
    result = judged_with(folder, lambda part: part.drop_columns(["gift", "copies"]))
    assert not result.passed
    for column in ("gift", "copies"):
        assert any(f"{column}: no such column" in line for line in result.problems)
