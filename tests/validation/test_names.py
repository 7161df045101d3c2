"""Ambiguous column names: like an indicator, different only in case, or HTML."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mtl_core.config import Problem, parse_problem
from mtl_core.data.parts import parts
from mtl_core.validation.profile import write_profile
from mtl_core.validation.results import ValidationResult
from mtl_core.validation.suite import load_suite, suite_path
from mtl_core.validation.validate import validate

ROWS = 1_000
COLUMNS: dict[str, list[Any]] = {
    "key": list(range(ROWS)),
    "Fare": [0.5 * row for row in range(ROWS)],
    "fare": [["low", "<i>high"][row % 2] for row in range(ROWS)],
    "<i>x": [f"c{row % 5}" for row in range(ROWS)],
    "`fare`": [f"c{row % 3}" for row in range(ROWS)],
    "label:quality": [["good", "bad"][row % 2] for row in range(ROWS)],
    "label:late": [row % 2 for row in range(ROWS)],
}


def declared() -> Problem:
    """All columns are read; the target of the task `late` has the name of its indicator."""
    return parse_problem(
        {
            "name": "names",
            "data": {"path": "data"},
            "split": {"by": "hash", "column": "key"},
            "features": {
                "amount": {"kind": "numeric", "column": "Fare"},
                **{f"f{i}": {"kind": "categorical", "column": name} for i, name in enumerate(list(COLUMNS)[2:6])},
            },
            "tasks": {"late": {"kind": "binary", "target": "label:late"}},
        }
    )


def validated(folder: Path, columns: dict[str, list[Any]]) -> ValidationResult:
    pq.write_table(pa.table(columns), folder / "data" / "part.parquet")
    return validate(folder, declared(), folder / "out")


@pytest.fixture(scope="module")
def profiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("names")
    (folder / "data").mkdir()
    pq.write_table(pa.table(COLUMNS), folder / "data" / "part.parquet")
    write_profile(folder, declared())
    return folder


def test_an_indicator_has_the_name_of_no_column(profiled: Path) -> None:
    suite = load_suite(suite_path(profiled, declared()))
    assert [column for column in suite.columns if column.startswith("label:")] == [*list(COLUMNS)[5:], "label::late"]
    assert parts(profiled, declared())[0].types.names == list(COLUMNS)


def test_columns_that_differ_in_case_are_measured_separately(profiled: Path) -> None:
    assert validated(profiled, COLUMNS).passed
    (line,) = validated(profiled, COLUMNS | {"fare": ["low", "new"] * (ROWS // 2)}).parts[0].errors
    assert line.startswith("part.parquet: fare: expect_column_values_to_be_in_set")


def test_a_row_is_quarantined_for_a_column_named_like_an_indicator(profiled: Path) -> None:
    late = [*COLUMNS["label:late"][:-1], 7]
    (part,) = validated(profiled, COLUMNS | {"label:late": late}).parts
    assert [(reason.row, reason.column) for reason in part.reasons] == [(ROWS - 1, "label:late")]


def test_markup_is_escaped_in_data_docs(profiled: Path) -> None:
    validated(profiled, COLUMNS)
    for page in (profiled / "out" / "data_docs").iterdir():
        assert "<i>" not in page.read_text(encoding="utf-8")
