"""Expectations of the columns of tasks with several targets, without a target, and with row weights."""

from pathlib import Path

import pyarrow as pa
import pytest

from mtl_core.config import Problem
from mtl_core.validation.profile import write_profile
from mtl_core.validation.suite import load_suite, suite_path
from tests.validation.conftest import DECLARED, ROWS, changed, problem, reasons, table, validated, write_part

TASKS = {
    "slow": {**DECLARED["tasks"]["slow"], "weight_column": "copies"},
    "cells": {"kind": "multilabel", "columns": ["returned", "gift"]},
    "tags": {"kind": "multilabel", "target": "tags"},
    "groups": {"kind": "clustering", "clusters": 3},
    "shops": {"kind": "clustering", "clusters": 3, "target": "grade", "weight_column": "amount"},
}


def declared() -> Problem:
    return problem(tasks=TASKS)


def wide_table(month: int) -> pa.Table:
    return changed(
        table(month),
        gift=pa.array([None if row % 4 == 0 else row % 3 == 0 for row in range(ROWS)]).cast(pa.int8()),
        tags=["red|new" if row % 3 else None for row in range(ROWS)],
        copies=[float(row % 5) for row in range(ROWS)],
    )


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wide")
    for month in (2, 3):
        write_part(folder, f"2024-{month:02}.parquet", wide_table(month))
    write_profile(folder, declared())
    return folder


def test_the_suite_has_all_columns_that_tasks_read(folder: Path) -> None:
    suite = load_suite(suite_path(folder, declared()))
    kwargs = {(*e.columns, e.type.removeprefix("expect_column_values_to_")): e.kwargs for e in suite.expectations}
    assert set(declared().columns) <= set(suite.columns)
    for column in ("returned", "gift"):
        assert kwargs[column, "be_in_set"]["value_set"] == [0, 1]
    assert kwargs["gift", "not_be_null"]["mostly"] < 0.75, "a label may be missing"
    assert "mostly" not in kwargs["copies", "not_be_null"], "a weight may not be missing"
    assert kwargs["copies", "be_between"]["min_value"] == 0, "a weight may not be negative"


def test_the_reference_meets_its_suite(folder: Path) -> None:
    result = validated(folder, declared=declared())
    assert (result.errors, result.quarantined) == ((), 0)


def test_rows_with_an_invalid_label_or_weight_are_quarantined(folder: Path) -> None:
    invalid = changed(wide_table(3), copies={1: -1.0, 2: None}, gift={0: 2})
    result = validated(folder, invalid, declared=declared())
    assert result.passed, result.errors
    assert [reason[:2] for reason in reasons(result)] == [(0, "gift"), (1, "copies"), (2, "copies")]


def test_a_missing_column_of_a_task_fails_the_part(folder: Path) -> None:
    result = validated(folder, wide_table(3).drop_columns(["gift", "copies"]), declared=declared())
    assert not result.passed
    for column in ("gift", "copies"):
        assert any(f"{column}: no such column" in line for line in result.errors)
