"""Leaks are found, and good features are not taken for leaks."""

import datetime as dt
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mtl_core.leaks import find_leaks, most_related

ROWS = 3_000
RNG = np.random.default_rng(0)
A, B, X, NOISE = (RNG.normal(size=ROWS) for _ in range(4))
HALF = RNG.random(ROWS) < 0.5
YES = X + NOISE > 0
ORDER = RNG.permutation(ROWS)
DAYS = [dt.date(2024, 1, 1) + dt.timedelta(int(day)) for day in RNG.integers(0, 300, ROWS)]
WORDS = [f"word {index}" for index in RNG.integers(0, 40, ROWS)]


def leaks(**columns: Any) -> list[tuple[tuple[str, ...], str]]:
    """(columns, description) of each leak of the target `t`."""
    table = pa.table(columns)
    possible = find_leaks(table, [name for name in table.column_names if name != "t"], ["t"])
    assert all(leak.target == "t" for leak in possible)
    return [(leak.columns, leak.description) for leak in possible]


def masked(values: Any, missing: Any) -> pa.Array:
    return pa.array(values, mask=np.asarray(missing))


LEAKS: dict[str, tuple[dict[str, Any], tuple[str, ...], str]] = {
    "a copy": ({"f": A, "x": X, "t": A}, ("f",), "'f' equals target 't' in 100.0% of the rows"),
    "a copy in another type": ({"f": A > 0, "t": np.where(A > 0, 1, 0)}, ("f",), "equals target"),
    "a copy of words": ({"f": WORDS[::-1], "t": WORDS[::-1]}, ("f",), "equals target"),
    "a copy with some noise": ({"f": A + 0.01 * B, "x": X, "t": A}, ("f",), "correlation 0.9999"),
    "in another unit": ({"f": 1.8 * A + 32, "t": A}, ("f",), "'f' alone predicts target 't' (correlation 1.0000)"),
    "in logarithms": ({"f": np.exp(3 * A), "t": A}, ("f",), "rank correlation 1.0000"),
    "the number behind yes": ({"f": X + NOISE, "t": YES}, ("f",), "AUC 1.000"),
    "the number behind bands": (
        {"f": A, "t": np.digitize(A, [-1, 0, 1]).astype(str)},
        ("f",),
        "the class in 99",
    ),
    "the word of a class": ({"f": np.where(YES, "ja", "nein"), "t": YES}, ("f",), "the class in 100.0%"),
    "many words of each class": (
        {"f": WORDS, "t": [word[-1] for word in WORDS]},
        ("f",),
        "the class in 100.0%",
    ),
    "a word of each amount": ({"f": WORDS, "t": [float(word[5:]) for word in WORDS]}, ("f",), "R² 1.0000"),
    "a sum, rounded": ({"f": A, "x": X, "g": B, "t": (A + B).round(3)}, ("f", "g"), "'t' is 'f' + 'g' in nearly"),
    "a difference of near numbers": ({"f": 1e3 * X + A, "g": 1e3 * X, "t": A}, ("f", "g"), "target 't' is 'f' - 'g'"),
    "a sum with missing values": ({"f": masked(A, HALF & YES), "g": B, "t": 2 * A - B}, ("f", "g"), "2 · 'f' - 'g'"),
    "present only for yes": ({"f": masked(A, ~YES), "t": YES}, ("f",), "% of the rows where target 't' is 'true'"),
    "a date present only for some of yes": (
        {"f": pa.array(DAYS, mask=~(YES & HALF)), "t": np.where(YES, "yes", "no")},
        ("f",),
        "where target 't' is 'yes', and in 100.0% of the others",
    ),
    "missing where there is no label": ({"f": masked(A, HALF), "t": masked(B, HALF)}, ("f",), "'t' has no label"),
    "lists missing where there is no label": (
        {"f": pa.array([None if missing else ["a"] for missing in HALF]), "t": masked(B, HALF)},
        ("f",),
        "has no label",
    ),
    "missing where the amount is large": ({"f": masked(A, HALF), "t": 10.0 * HALF + B}, ("f",), "follows target 't'"),
    "a number of sorted rows": (
        {"f": np.arange(ROWS) + 7, "t": np.sort(A) + B / 20},
        ("f",),
        "is an index of the rows",
    ),
    "a number with gaps, of sorted rows": ({"f": np.arange(ROWS) * 9, "t": np.arange(ROWS) > 99}, ("f",), "AUC 1.000"),
    "a number from before the rows were shuffled": ({"f": ORDER, "t": ORDER > 900}, ("f",), "is an index of the rows"),
}


@pytest.mark.parametrize(("columns", "names", "words"), LEAKS.values(), ids=LEAKS)
def test_columns_that_predict_a_target_are_a_leak(columns: dict[str, Any], names: tuple[str, ...], words: str) -> None:
    ((leaking, description),) = leaks(**columns)
    assert leaking == names
    assert words in description


NO_LEAKS: dict[str, dict[str, Any]] = {
    "noise": {"x": X, "w": WORDS, "id": [f"id {row}" for row in range(ROWS)], "n": np.arange(ROWS), "t": YES[ORDER]},
    "a strong feature": {"x": X, "t": 3 * X + 0.3 * NOISE},
    "a strong feature of classes": {"x": X, "t": X + 0.1 * NOISE > 0},
    "a strong sum": {"a": A, "b": B, "t": A + B + 0.05 * X},
    "an id of every row": {"id": [f"id {row}" for row in range(ROWS)], "t": A},
    "values missing at random": {"x": masked(X, HALF), "t": masked(A, RNG.random(ROWS) < 0.3)},
    "values missing more often for yes": {"x": masked(A, HALF & (YES | (B > 0))), "t": YES},
    "a rare class": {"x": X, "w": WORDS, "t": np.arange(ROWS) % 300 == 0},
    "one value": {"x": np.ones(ROWS), "y": pa.nulls(ROWS), "t": A},
    "one class": {"x": A, "t": np.ones(ROWS, dtype=bool)},
    "a few rows": {"x": A[:20], "t": A[:20]},
    "no rows": {"x": A[:0], "t": A[:0]},
    "more columns than rows": {**{f"x{index}": RNG.normal(size=80) for index in range(90)}, "t": A[:80]},
    "no label": {"x": A, "t": pa.nulls(ROWS, pa.float64())},
    "huge numbers": {"x": np.where(HALF, 1e308, -1e308), "t": np.where(YES, -1e308, B)},
    "infinities": {"x": np.where(HALF, np.inf, A), "t": np.where(YES, -np.inf, B)},
}


@pytest.mark.parametrize("columns", NO_LEAKS.values(), ids=NO_LEAKS)
def test_good_features_are_no_leaks(columns: dict[str, Any]) -> None:
    assert leaks(**columns) == []


def test_the_most_related_features_come_first() -> None:
    table = pa.table({"a": A, "x": X, "noise": B, "near": X + 0.01 * A, "list": [[1]] * ROWS, "t": YES})
    relations = most_related(table, table.column_names, "t")
    assert {name for name, _ in relations[:2]} == {"x", "near"}
    assert len(relations) == 3
    assert relations[0][1].description.startswith("AUC 0.8")


def test_a_large_table_is_sampled() -> None:
    table = pa.table({f"x{index}": RNG.normal(size=30_000) for index in range(4)})
    table = table.append_column("t", pa.array(np.arange(30_000.0)))
    table = table.append_column("f", table["t"])
    assert [leak.columns for leak in find_leaks(table, [*table.column_names[:4], "f"], ["t"])] == [("f",)]


@pytest.mark.parametrize(
    "values",
    [
        pa.array([b"\xff"] * 99),
        pa.array(["a", "b", "c"] * 33, pa.string_view()),
        pa.array(["a", "b", "c"] * 33).dictionary_encode(),
        pa.array(range(99), pa.duration("s")),
        pa.array(range(99)).cast(pa.timestamp("s", "Mars/Phobos")),
        pa.array([10**8] * 99, pa.int32()).cast(pa.date32()),
        pa.array([{"a": 1}] * 99),
        pa.RunEndEncodedArray.from_arrays(pa.array([99], pa.int32()), pa.array([1])),
        pa.FixedShapeTensorArray.from_numpy_ndarray(np.arange(99 * 4.0).reshape(99, 2, 2)),
    ],
    ids=lambda values: str(values.type)[:20],
)
def test_columns_may_have_any_type(values: pa.Array) -> None:
    for target in (A[:99], YES[:99]):
        assert leaks(f=values, t=target) == []
