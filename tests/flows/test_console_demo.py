"""Output of `mtl demo`: an answer in few words, and the true label."""

import io
import math
from decimal import Decimal
from typing import Any

import pytest
from rich.console import Console

from flows.console.demo import predicted, prediction_table, refusal, true_label
from flows.demo import read_rows
from mtl_core.config import parse_problem
from mtl_core.errors import DataError
from tests.small import Small


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "-"),
        (0.00123456, "0.00123"),
        (12345.6, "12346"),
        (1_699_999_961.25, "1699999961"),
        (1e20, "1e+20"),
        (-4.98, "-4.98"),
        ({"decision": True, "probability": 0.834}, "yes (0.83)"),
        ({"decision": False, "probability": 0.1}, "no (0.10)"),
        ({"decision": None, "probability": None}, "-"),
        ({"class": "on time", "probabilities": {"early": 0.2, "on time": 0.8}}, "on time (0.80)"),
        ({"class": None, "probabilities": {"early": None, "on time": None}}, "-"),
        (
            {"labels": ["War", "Drama"], "probabilities": {"War": 0.62, "Sport": 0.1, "Drama": 0.907}},
            "Drama 0.91, War 0.62",
        ),
        ({"labels": [], "probabilities": {"War": 0.12, "Drama": 0.31}}, "none (Drama 0.31)"),
        ({"labels": None, "probabilities": {"War": None, "Drama": None}}, "-"),
        ({"0.1": 3.0, "0.5": 7.5, "0.9": 21.0}, "3 | 7.5 | 21"),
        ({"0.1": None, "0.5": None, "0.9": None}, "- | - | -"),
        ({f"0.{level}": float(level) for level in range(1, 8)}, "1 | 4 | 7"),
        ({"cluster": 2, "probabilities": [0.1, 0.19, 0.71]}, "2 (0.71)"),
        ({"cluster": 0, "probabilities": [0.6, 0.4]}, "0 (0.60)"),
        ({"cluster": None, "probabilities": [None, None]}, "-"),
        ([], "-"),
        ([0.25, None], "0.25, -"),
        ([{"class": "on time", "probabilities": {"on time": 0.8}}] * 6, ", ".join(["on time (0.80)"] * 5) + ", …"),
    ],
)
def test_an_answer_in_words(answer: Any, words: str) -> None:
    assert predicted(answer) == words


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"a": 1.0}, "1"),
        ({"a": None}, "-"),
        ({"a": math.nan}, "-"),
        ({"a": False}, "no"),
        ({"a": "Drama|War"}, "Drama|War"),
        ({"a": 1, "b": 0, "c": True}, "a, c"),
        ({"a": 0.0, "b": False, "c": 0}, "none"),
        ({"a": 1.0, "b": None, "c": math.nan}, "a, b?, c?"),
        ({"a": 0, "b": None}, "b?"),
        ({"a": None, "b": math.nan}, "-"),
        ({"a": [1, None, 0]}, "1, -, 0"),
    ],
)
def test_what_happened_in_words(row: dict[str, Any], words: str) -> None:
    assert true_label(row, tuple(row)) == words


def test_every_task_has_its_lines_and_names_are_not_markup() -> None:
    problem = parse_problem(
        {
            "name": "odd",
            "data": {"path": "data"},
            "split": {"by": "hash", "column": "key", "validation": 0.2, "test": 0.2},
            "features": {"size": {"kind": "numeric"}},
            "tasks": {
                "flags": {"kind": "multilabel", "columns": ["[red]a", "b"]},
                "group": {"kind": "clustering", "clusters": 2},
                "spend": {"kind": "quantiles", "target": "spend"},
            },
        }
    )
    row = {"size": 1.5, "[red]a": 1.0, "b": 0.0, "spend": 7.0}
    answer = {
        "flags": {"labels": ["[red]a"], "probabilities": {"[red]a": 0.9, "b": 0.1}},
        "group": {"cluster": 1, "probabilities": [0.2, 0.8]},
        "spend": {"0.1": 1.0, "0.5": 2.0, "0.9": 4.0},
    }
    console = Console(width=80)
    with console.capture() as capture:
        console.print(prediction_table(problem, ["size"], [row], [answer]))
    lines = [" ".join(line.replace("│", " ").split()) for line in capture.get().splitlines()]
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
    words = refusal("flights:1", {"error": {"message": "1 broken rule", "details": [detail], "total": 1}})
    assert "flights:1" in words
    assert "  row 2, note: must have at most 1,000 characters, found 'zzz...'" in words


def test_rows_of_another_declaration_are_refused(small: Small) -> None:
    path = small.folder / "encoded" / "test.parquet"
    assert read_rows(small.problem, path, 5).num_rows == 5
    document = small.problem.model_dump(mode="json")
    document["tasks"]["paid"] = {"kind": "binary", "target": "paid"}
    with pytest.raises(DataError, match=r"test\.parquet: must have every target, found no column 'paid'"):
        read_rows(parse_problem(document), path, 5)
    with pytest.raises(DataError, match="found no file; run `mtl retrain`"):
        read_rows(small.problem, small.folder / "test.parquet", 5)


def test_long_names_and_values_leave_room_for_the_answers() -> None:
    document = {
        "name": "wide",
        "data": {"path": "data"},
        "split": {"by": "hash", "column": "key"},
        "features": {"x": {"kind": "numeric"}},
        "tasks": {"t" * 100: {"kind": "binary", "target": "[y]"}},
    }
    row = {"x" * 300: Decimal("12.50"), "new\nline": "v" * 300, "[y]": 1}
    console = Console(width=80, file=io.StringIO(), markup=False)
    console.print(prediction_table(parse_problem(document), list(row)[:2], [row] * 5, [{"t" * 100: 0.25}] * 5))
    text = console.file.getvalue()
    assert text.count("0.25") == 5
    assert text.count("12.5") == 5
    assert "new\\nline" in text
    assert "[y]" in text
