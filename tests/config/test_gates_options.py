"""Options of the comparison with the champion: margins, slices, age, approval."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from mtl_core.config import Gates, parse_problem
from mtl_core.config.duration import fixed_length
from mtl_core.errors import ProblemError
from tests.small import document


@pytest.mark.parametrize(
    ("text", "span"),
    [("30 days", timedelta(days=30)), ("1 week", timedelta(days=7)), ("90 minutes", timedelta(minutes=90))],
)
def test_a_fixed_duration_is_a_number_and_a_unit_of_fixed_length(text: str, span: timedelta) -> None:
    assert fixed_length(text) == span
    assert Gates(max_age=text).max_age == text


@pytest.mark.parametrize(
    "options",
    [
        *({"max_age": value} for value in (30, True, "3 months", "0 days", "-1 days", "1.5 days", "30days")),
        {"max_age": "6000 weeks"},
        {"max_age": "9" * 40 + " days"},
        {"approval_timeout": None},
        *({"approval": value} for value in (True, "yes", [])),
        *({"slices": value} for value in ("carrier", [], [""], ["a", "a"], 3, [1], {"columns": ["a"], "min_rows": 5})),
        {"slices": {"columns": ["a"], "margin": -1}},
        {"slices": ["a"], "worse_than_champion": None},
        *({"worse_than_champion": value} for value in ("off", True, -1, {"t": True}, {"t": "x"}, [0], {"t": {}})),
        {"worse_than_champion": float("nan")},
    ],
)
def test_an_invalid_option_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Gates.model_validate(options)


def test_slices_in_the_short_and_the_long_form_are_the_same() -> None:
    short, long = (Gates.model_validate({"slices": value}) for value in (["a"], {"columns": ["a"], "min_rows": 500}))
    assert short == long == Gates.model_validate(short.model_dump())


def test_a_slice_has_the_margin_of_the_comparison_unless_it_has_its_own() -> None:
    gates = Gates.model_validate({"worse_than_champion": {"a": 0.5, "b": None}, "slices": ["x"]})
    assert [gates.slice_margin(task) for task in "abc"] == [0.5, None, 0.0]
    assert list(gates.switched_off()) == [("comparison of b with the champion", "gates.worse_than_champion.b: null")]
    own = Gates.model_validate({"worse_than_champion": 0.5, "slices": {"columns": ["x"], "margin": {"a": 0.1}}})
    assert [own.slice_margin(task) for task in "ac"] == [0.1, 0.0]


def test_null_switches_approval_off() -> None:
    assert Gates.model_validate({"approval": None}).approval == "automatic"


@pytest.mark.parametrize("path", ["worse_than_champion", "slices.margin"])
def test_a_margin_of_an_unknown_task_is_refused(path: str) -> None:
    margin = {"lat": 0.1}
    slices = {"slices": {"columns": ["a"], "margin": margin}}
    gates = slices if path == "slices.margin" else {"worse_than_champion": margin}
    with pytest.raises(ProblemError, match=rf"gates\.{path}\.lat: must be a declared task.*'late'"):
        parse_problem(document() | {"gates": gates})


def test_the_columns_of_slices_are_read_and_kept_once() -> None:
    problem = parse_problem(document() | {"gates": {"slices": ["colour", "shop"]}})
    assert problem.raw_columns == ("colour", "size", "weight", "minutes", "rare", "shop")
    assert problem.columns == ("colour", "size", "weight", "minutes", "rare", "key", "shop")
