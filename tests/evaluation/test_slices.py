"""Slices: which rows they have, which are compared, and simultaneous intervals."""

import math

import numpy as np
import pyarrow as pa
import pytest

from mtl_core import slices as module
from mtl_core.metrics.ranking import Auc
from mtl_core.simultaneous_intervals import critical_value
from mtl_core.slice_comparison import compare_slices
from mtl_core.slices import Slice, slices_of
from mtl_core.tasks import objectives
from tests.every_kind import every_kind  # noqa: F401 - a fixture
from tests.small import Small

ROWS = 400
Labels = dict[str, np.ndarray]


@pytest.fixture
def labels() -> Labels:
    generator = np.random.default_rng(0)
    minutes = generator.normal(size=ROWS)
    minutes[::10] = np.nan
    return {"minutes": minutes, "late": np.where(np.isnan(minutes), -1, minutes > 0).astype(np.int8)}


def table(**columns: object) -> pa.Table:
    return pa.table({name: pa.array(values) for name, values in columns.items()})


def halves() -> list[Slice]:
    """Two slices of equal size, by position."""
    first = np.arange(ROWS) < ROWS // 2
    return [Slice(column="half", value=name, rows=rows) for name, rows in (("1", first), ("2", ~first))]


def test_a_slice_is_a_value_of_a_column_the_most_frequent_first_and_missing_values_are_one() -> None:
    slices, left_out = slices_of(table(a=["x", None, "x", "y", None, "x"], b=[1, 1, 2, 2, 2, None]), ["a", "b"])
    assert [each.name for each in slices] == ["a=x", "a=(missing)", "a=y", "b=2", "b=1", "b=(missing)"]
    assert slices[1].rows.tolist() == [False, True, False, False, True, False]
    assert left_out == []


def test_the_number_of_values_is_limited_and_the_others_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_VALUES", 2)
    slices, left_out = slices_of(table(a=[True, True, True, False, False, None, None, None, None]), ["a"])
    assert [each.value for each in slices] == [None, "true"]
    assert left_out == ["a: 1 values beyond the 2 most frequent ones, with 2 rows"]


def test_a_column_of_nulls_is_one_slice() -> None:
    (only,), _ = slices_of(pa.table({"a": pa.nulls(3)}), ["a"])
    assert (only.value, only.rows.tolist()) == (None, [True] * 3)


def test_a_slice_that_got_worse_is_found_and_comes_first(small: Small, labels: Labels) -> None:
    task = small.tasks[2]
    before = np.nan_to_num(labels["minutes"]) + 0.3 * np.random.default_rng(1).normal(size=ROWS)
    after = before + np.where(np.arange(ROWS) < ROWS // 2, 0.5, 0.0)
    compared = compare_slices([task], labels, {"minutes": before}, {"minutes": after}, halves(), min_rows=30)
    worst, same = compared.differences
    assert (worst.name, worst.rows, worst.is_worse(0.0), worst.is_worse(10.0)) == ("half=1", 180, True, False)
    assert worst.difference < worst.high < 0
    assert (same.difference, same.standard_error, same.is_worse(0.0)) == (0.0, 0.0, False)


def test_a_constant_loss_without_any_variance_is_worse(small: Small, labels: Labels) -> None:
    exact = np.nan_to_num(labels["minutes"])
    compared = compare_slices(
        [small.tasks[2]], labels, {"minutes": exact}, {"minutes": exact + 0.5}, halves(), min_rows=30
    )
    assert all(difference.is_worse(0.0) for difference in compared.differences)


def test_predictions_that_are_not_numbers_are_worse_and_rank_first(small: Small, labels: Labels) -> None:
    before = np.nan_to_num(labels["minutes"]) + 0.1
    after = np.where(np.arange(ROWS) < ROWS // 2, before, np.nan)
    compared = compare_slices([small.tasks[2]], labels, {"minutes": before}, {"minutes": after}, halves(), min_rows=30)
    assert math.isnan(compared.differences[0].difference)
    assert [difference.is_worse(0.0) for difference in compared.differences] == [True, False]


def test_slices_without_enough_rows_or_labels_are_left_out_and_named(small: Small, labels: Labels) -> None:
    late = small.tasks[0]
    positive = labels["late"] == 1
    slices = [
        *halves(),
        Slice(column="few", value="x", rows=np.arange(ROWS) < 20),
        Slice(column="one", value="class", rows=positive),
        Slice(column="rare", value="class", rows=~positive | (np.cumsum(positive) <= 2)),
    ]
    scores = {"late": np.random.default_rng(0).random(ROWS)}
    assert isinstance(late.metric, Auc)
    compared = compare_slices([late], labels, scores, scores, slices, min_rows=100)
    assert [difference.name for difference in compared.differences] == ["half=1", "half=2"]
    assert compared.left_out == (
        "late: few=x: fewer than 100 labelled test rows",
        "late: one=class: auc is undefined",
        "late: rare=class: too few rows of a class for an interval of auc",
    )


def test_the_critical_value_refuses_one_in_twenty_of_equal_models() -> None:
    """Forty comparisons whose estimates correlate: the family-wise rate is that of one, and far lower than without."""
    generator = np.random.default_rng(0)
    mixing = np.eye(40) + 0.1
    corrected, uncorrected, runs = 0, 0, 400
    for _ in range(runs):
        observed = mixing @ generator.normal(size=40)
        resampled = observed + generator.normal(size=(200, 40)) @ mixing.T
        errors = resampled.std(axis=0, ddof=1)
        worst = (observed / errors).min()
        corrected += worst < -critical_value(observed, errors, resampled)
        uncorrected += worst < -1.96
    assert 0.03 <= corrected / runs <= 0.08
    assert uncorrected / runs > 0.15


def test_tasks_of_every_kind_are_compared_in_slices(every_kind: Small) -> None:  # noqa: F811 - the fixture
    labels = every_kind.encoder.labels(every_kind.raw_test, exact=True)
    tasks = objectives(every_kind.problem.tasks, every_kind.encoder.tasks)
    predictions = {task.name: _predictions(task.name, task.outputs, every_kind.raw_test.num_rows) for task in tasks}
    slices, _ = slices_of(every_kind.raw_test, ["colour"])
    compared = compare_slices(tasks, labels, predictions, predictions, slices, min_rows=30, resamples=20)
    assert {difference.task for difference in compared.differences} >= {"minutes", "group", "grade", "span"}
    assert all(difference.difference == 0 and not difference.is_worse(0) for difference in compared.differences)


def _predictions(name: str, outputs: int, rows: int) -> np.ndarray:
    values = np.random.default_rng(len(name)).random((rows, outputs)) + 0.01
    if outputs == 1 and name != "single":
        return values[:, 0]
    return np.sort(values, axis=1) if name in ("span", "single") else values / values.sum(axis=1, keepdims=True)
