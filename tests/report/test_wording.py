# ruff: noqa: RUF001  (the page writes a true minus, times and dash)
"""Numbers and metrics as text."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtl_core.metrics import RowMean
from mtl_core.report.metric_names import DEFINITIONS, definition_of, metric_title
from mtl_core.report.run import Run
from mtl_core.report.wording import interval, listed, number, option_value, percent, places, rounded, signed, with_unit


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "–"),
        (math.nan, "–"),
        (math.inf, "–"),
        (0, "0"),
        (0.12345, "0.1235"),
        (-27, "−27"),
        (999.96, "1000"),
        (1000, "1,000"),
        (-12_345.6, "−12,346"),
        (0.0001, "0.0001"),
        (0.00002, "2.0 × 10⁻⁵"),
        (2e9, "2.0 × 10⁹"),
    ],
)
def test_number(value: float | None, words: str) -> None:
    assert number(value) == words


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (None, "–"),
        (math.nan, "–"),
        (0.0, "0%"),
        (1e-9, "< 0.1%"),
        (0.001, "0.1%"),
        (0.25, "25%"),
        (0.1234, "12.3%"),
        (0.999, "99.9%"),
        (1 - 1e-9, "> 99.9%"),
        (1.0, "100%"),
        (-0.1, "−10%"),
    ],
)
def test_percent(share: float | None, words: str) -> None:
    assert percent(share) == words


@pytest.mark.parametrize(
    ("scale", "decimals"),
    [(0.022, 3), (0.49, 2), (0.099, 3), (1.0, 1), (12.0, 0), (5e4, 0), (1e-9, 6), (0.0, 4), (math.nan, 4), (-1.0, 4)],
)
def test_places(scale: float, decimals: int) -> None:
    assert places(scale) == decimals


@given(st.floats(min_value=1e-4, max_value=1e6))
def test_places_show_the_scale(scale: float) -> None:
    assert float(f"{scale:.{places(scale)}f}") == pytest.approx(scale, rel=0.05)


def test_a_unit_follows_a_number_only() -> None:
    assert with_unit("3", "minutes") == "3 minutes"
    assert with_unit("3", "") == "3"
    assert with_unit(rounded(None, 2), "minutes") == "–"


def test_every_metric_has_a_definition_and_unknown_ones_a_direction(run: Run) -> None:
    names = set()
    for task in run.tasks:
        decides = {"threshold": 0.5} if "threshold" in type(task.options).model_fields else {}
        names |= {metric.name for metric in task.options.model_copy(update=decides).metrics}
    assert names == set(DEFINITIONS)
    assert len(set(DEFINITIONS.values())) == len(names) == 25
    assert all(len(text) < 110 and not text.endswith(".") for text in DEFINITIONS.values())
    unknown = RowMean(name="metric_of_tomorrow", higher_is_better=False, rows=lambda y, p: y)
    assert definition_of(unknown) == "lower is better"


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("auc", "AUC"),
        ("macro_auc", "macro AUC"),
        ("r2", "R²"),
        ("brier", "Brier score"),
        ("poisson_deviance", "Poisson deviance"),
        ("pinball", "pinball loss"),
        ("nmi", "normalised mutual information"),
        ("ranked_probability_score", "ranked probability score"),
        ("macro_f1_of_tomorrow", "macro F1 of tomorrow"),
        ("metric", "metric"),
        ("_odd__name_", "odd name"),
    ],
)
def test_titles(name: str, title: str) -> None:
    assert metric_title(name) == title


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ((), ""),
        (("a",), "a"),
        (("a", "b", "c"), "a, b, c"),
        (("a", "b", "c", "d"), "a, b, c and 1 other"),
        (tuple("abcde"), "a, b, c and 2 others"),
        (tuple("x" * 1_003), "x, x, x and 1,000 others"),
    ],
)
def test_names_in_a_row(names: tuple[str, ...], words: str) -> None:
    assert listed(names) == words


@pytest.mark.parametrize(
    ("value", "decimals", "words"),
    [(-0.0001, 3, "0.000"), (-0.0006, 3, "−0.001"), (0.0, 2, "0.00"), (12_345.678, 1, "12,345.7"), (math.nan, 2, "–")],
)
def test_rounded(value: float, decimals: int, words: str) -> None:
    assert rounded(value, decimals) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.126, "+0.13"),
        (-0.126, "−0.13"),
        (0.0, "0.00"),
        (0.001, "0.00"),
        (-0.001, "0.00"),
        (12_345.6, "+12,345.60"),
        (None, "–"),
        (math.nan, "–"),
        (math.inf, "–"),
    ],
)
def test_signed(value: float | None, words: str) -> None:
    assert signed(value, 2) == words


def test_an_interval_has_both_ends() -> None:
    assert interval(-0.5, 0.25, 1) == "−0.5 to 0.2"
    assert interval(None, 1, 0) == "– to 1"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "null"),
        (True, "true"),
        (3, "3"),
        (0.001, "0.001"),
        (1e-05, "1e-05"),
        (2.0, "2"),
        ("mean", "mean"),
        ([64, [0.5]], "[64, [0.5]]"),
        ({"epochs": 3, "threads": None, "end": {"first": "a"}}, "{epochs: 3, end: {first: a}}"),
    ],
)
def test_an_option_reads_as_in_the_file(value: object, words: str) -> None:
    assert option_value(value) == words
