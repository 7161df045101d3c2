"""Output of `mtl demo`: short texts for predictions and labels."""

import io
import math
from decimal import Decimal
from typing import Any

import pytest
from rich.console import Console
from rich.table import Table

from flows.console.demo import label_text, prediction_table, prediction_text, refusal_text
from flows.demo import read_rows
from mtl_core.config import Problem, parse_problem
from mtl_core.errors import DataError
from mtl_core.report.wording import UNDEFINED
from tests.small import Small


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (None, UNDEFINED),
        (0.00123456, "0.00123"),
        (12345.6, "12346"),
        (1_699_999_961.25, "1699999961"),
        (1e20, "1e+20"),
        (-4.98, "-4.98"),
        ({"decision": True, "probability": 0.834}, "yes (0.83)"),
        ({"decision": False, "probability": 0.1}, "no (0.10)"),
        ({"decision": None, "probability": None}, UNDEFINED),
        ({"class": "on time", "probabilities": {"early": 0.2, "on time": 0.8}}, "on time (0.80)"),
        ({"class": None, "probabilities": {"early": None, "on time": None}}, UNDEFINED),
        (
            {"labels": ["War", "Drama"], "probabilities": {"War": 0.62, "Sport": 0.1, "Drama": 0.907}},
            "Drama 0.91, War 0.62",
        ),
        ({"labels": [], "probabilities": {"War": 0.12, "Drama": 0.31}}, "none (Drama 0.31)"),
        ({"labels": None, "probabilities": {"War": None, "Drama": None}}, UNDEFINED),
        ({"0.1": 3.0, "0.5": 7.5, "0.9": 21.0}, "3 | 7.5 | 21"),
        ({"0.1": None, "0.5": None, "0.9": None}, f"{UNDEFINED} | {UNDEFINED} | {UNDEFINED}"),
        ({f"0.{level}": float(level) for level in range(1, 8)}, "1 | 4 | 7"),
        ({"cluster": 2, "probabilities": [0.1, 0.19, 0.71]}, "2 (0.71)"),
        ({"cluster": 0, "probabilities": [0.6, 0.4]}, "0 (0.60)"),
        ({"cluster": None, "probabilities": [None, None]}, UNDEFINED),
        ([], "none"),
        (
            [{"start": 10, "end": 16, "label": "product", "text": "camera", "probability": 0.938}],
            "camera: product 10-16 (0.94)",
        ),
        ([0.25, None], f"0.25, {UNDEFINED}"),
        (
            [{"class": "on time", "probabilities": {"on time": 0.8}}] * 6,
            ", ".join(["on time (0.80)"] * 5) + " and 1 other",
        ),
    ],
)
def test_every_kind_of_prediction_has_a_short_text(answer: Any, text: str) -> None:
    assert prediction_text(answer) == text


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({"a": 1.0}, "1"),
        ({"a": None}, UNDEFINED),
        ({"a": math.nan}, UNDEFINED),
        ({"a": False}, "no"),
        ({"a": "Drama|War"}, "Drama|War"),
        ({"a": 1, "b": 0, "c": True}, "a, c"),
        ({"a": 0.0, "b": False, "c": 0}, "none"),
        ({"a": 1.0, "b": None, "c": math.nan}, "a, b?, c?"),
        ({"a": 0, "b": None}, "b?"),
        ({"a": None, "b": math.nan}, UNDEFINED),
        ({"a": [1, None, 0]}, f"1, {UNDEFINED}, 0"),
        ({"a": [{"start": 0, "end": 5, "label": "place"}]}, "place 0-5"),
        ({"a": []}, "none"),
    ],
)
def test_labels_have_a_short_text(row: dict[str, Any], text: str) -> None:
    assert label_text(row, tuple(row)) == text


def problem_with(tasks: dict[str, Any]) -> Problem:
    return parse_problem(
        {
            "name": "odd",
            "data": {"path": "data"},
            "split": {"by": "hash", "column": "key", "validation": 0.2, "test": 0.2},
            "features": {"size": {"kind": "numeric"}},
            "tasks": tasks,
        }
    )


def printed(table: Table) -> str:
    console = Console(width=80, file=io.StringIO(), markup=False)
    console.print(table)
    return console.file.getvalue()


def test_every_task_has_a_row_of_predictions_and_one_of_labels() -> None:
    problem = problem_with(
        {
            "flags": {"kind": "multilabel", "columns": ["[red]a", "b"]},
            "group": {"kind": "clustering", "clusters": 2},
            "spend": {"kind": "quantiles", "target": "spend"},
        }
    )
    row = {"size": 1.5, "[red]a": 1.0, "b": 0.0, "spend": 7.0}
    answer = {
        "flags": {"labels": ["[red]a"], "probabilities": {"[red]a": 0.9, "b": 0.1}},
        "group": {"cluster": 1, "probabilities": [0.2, 0.8]},
        "spend": {"0.1": 1.0, "0.5": 2.0, "0.9": 4.0},
    }
    text = printed(prediction_table(problem, ["size"], [row], [answer]))
    lines = [" ".join(line.replace("│", " ").split()) for line in text.splitlines()]
    assert [line for line in lines if line[:1].isalpha()][-6:] == [
        "size 1.5",
        "flags [red]a 0.90",
        "true labels [red]a",
        "group 1 (0.80)",
        "spend 0.1 | 0.5 | 0.9 1 | 2 | 4",
        "spend 7",
    ]


def test_a_refusal_names_row_field_rule_and_value() -> None:
    detail = {"row": 2, "field": "note", "rule": "must have at most 1,000 characters", "found": "'zzz...'"}
    text = refusal_text("flights:1", {"error": {"message": "1 broken rule", "details": [detail], "total": 1}})
    assert "flights:1" in text
    assert "  row 2, note: must have at most 1,000 characters, found 'zzz...'" in text


def test_rows_of_another_problem_are_refused(small: Small) -> None:
    path = small.folder / "encoded" / "test.parquet"
    assert read_rows(small.problem, path, 5).num_rows == 5
    document = small.problem.model_dump(mode="json")
    document["tasks"]["paid"] = {"kind": "binary", "target": "paid"}
    with pytest.raises(DataError, match=r"test\.parquet: .* no column 'paid'"):
        read_rows(parse_problem(document), path, 5)
    with pytest.raises(DataError, match="found no file"):
        read_rows(small.problem, small.folder / "test.parquet", 5)


def test_long_names_and_values_leave_space_for_the_predictions() -> None:
    problem = problem_with({"t" * 100: {"kind": "binary", "target": "[y]"}})
    row = {"x" * 300: Decimal("12.50"), "new\nline": "v" * 300, "[y]": 1}
    text = printed(prediction_table(problem, list(row)[:2], [row] * 5, [{"t" * 100: 0.25}] * 5))
    assert text.count("0.25") == 5
    assert text.count("12.5") == 5
    assert "new\\nline" in text
    assert "[y]" in text
