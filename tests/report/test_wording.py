# ruff: noqa: RUF001  (the page writes a true minus, times and dash)
"""Numbers and metrics as text."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtl_core.metrics import RowMean
from mtl_core.report.metric_names import DEFINITIONS, definition_of, metric_title
from mtl_core.report.run import Run
from mtl_core.report.wording import (
    decimal_places,
    interval,
    join_names,
    number,
    option_value,
    percent,
    rounded,
    signed,
    with_unit,
)

TEXTS: dict[Callable[..., Any], dict[Any, Any]] = {
    number: dict.fromkeys((None, math.nan, math.inf), "–")
    | {0: "0", 0.12345: "0.1235", -27: "−27", 999.96: "1000", 1000: "1,000", -12_345.6: "−12,346"}
    | {0.0001: "0.0001", 0.00002: "2.0 × 10⁻⁵", 2e9: "2.0 × 10⁹"},
    percent: dict.fromkeys((None, math.nan), "–")
    | {0.0: "0%", 1e-9: "< 0.1%", 0.001: "0.1%", 0.25: "25%", 0.1234: "12.3%"}
    | {0.999: "99.9%", 1 - 1e-9: "> 99.9%", 1.0: "100%", -0.1: "−10%"},
    decimal_places: {0.022: 3, 0.49: 2, 0.099: 3, 1.0: 1, 12.0: 0, 5e4: 0, 1e-9: 6, 0.0: 4, math.nan: 4, -1.0: 4},
    rounded: {(-0.0001, 3): "0.000", (-0.0006, 3): "−0.001", (0.0, 2): "0.00", (12_345.678, 1): "12,345.7"},
    signed: {(0.126, 2): "+0.13", (-0.126, 2): "−0.13", (0.0, 2): "0.00", (0.001, 2): "0.00", (-0.001, 2): "0.00"}
    | {(12_345.6, 2): "+12,345.60", (None, 2): "–", (math.nan, 2): "–", (math.inf, 2): "–"},
    interval: {(-0.5, 0.25, 1): "−0.5 to 0.2", (None, 1, 0): "– to 1"},
    with_unit: {("3", "minutes"): "3 minutes", ("3", ""): "3", ("–", "minutes"): "–"},
    metric_title: {"auc": "AUC", "macro_auc": "macro AUC", "r2": "R²", "brier": "Brier score"}
    | {"poisson_deviance": "Poisson deviance", "pinball": "pinball loss", "nmi": "normalised mutual information"}
    | {"macro_f1_of_tomorrow": "macro F1 of tomorrow", "_odd__name_": "odd name"},
    option_value: {None: "null", True: "true", 3: "3", 0.001: "0.001", 1e-05: "1e-05", 2.0: "2", "mean": "mean"},
}
"""Function -> argument or arguments -> result."""


@pytest.mark.parametrize(
    ("function", "value", "text"),
    [(function, value, text) for function, cases in TEXTS.items() for value, text in cases.items()],
)
def test_a_value_has_this_text(function: Callable[..., Any], value: Any, text: Any) -> None:
    assert function(*(value if isinstance(value, tuple) else (value,))) == text


def test_a_list_has_this_text() -> None:
    names = {"": "", "a": "a", "abc": "a, b, c", "abcd": "a, b, c and 1 other", "abcde": "a, b, c and 2 others"}
    assert {letters: join_names(tuple(letters)) for letters in names} == names
    assert join_names(tuple("x" * 1_003)) == "x, x, x and 1,000 others"
    assert option_value([64, [0.5]]) == "[64, [0.5]]"
    assert option_value({"epochs": 3, "threads": None, "end": {"first": "a"}}) == "{epochs: 3, end: {first: a}}"


@given(st.floats(min_value=1e-4, max_value=1e6))
def test_decimal_places_show_two_digits_of_the_scale(scale: float) -> None:
    assert float(f"{scale:.{decimal_places(scale)}f}") == pytest.approx(scale, rel=0.05)


def test_every_metric_has_a_definition(run: Run) -> None:
    names = set()
    for task in run.tasks:
        decides = {"threshold": 0.5} if "threshold" in type(task.options).model_fields else {}
        names |= {metric.name for metric in task.options.model_copy(update=decides).metrics}
    assert names == set(DEFINITIONS)
    assert len(set(DEFINITIONS.values())) == len(names) == 29
    assert all(len(text) < 110 and not text.endswith(".") for text in DEFINITIONS.values())
    new = RowMean(name="metric_of_tomorrow", higher_is_better=False, rows=lambda y, p: y)
    assert definition_of(new) == "lower is better"
