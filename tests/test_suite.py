"""The benchmark suite: halves, splits and verdicts."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from mtl_core.metrics import Metric
from mtl_core.metrics.ranking import Auc
from mtl_core.metrics.regression import MAE

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
CHOSEN = {
    *("batters", "bird_strikes", "census", "developers", "diamonds", "films", "flights", "freedom", "health_plans"),
    *("houses", "loans", "pregnancies", "yeast"),
}
UNKNOWN = {
    *("bookings", "car_crashes", "film_genres", "footballers", "half_digits", "phone_contracts", "pupils", "smokers"),
    *("storms", "train_stations"),
}
"""Evaluated only after the defaults were chosen."""


@pytest.fixture(scope="module")
def benchmarks() -> Iterator[Any]:
    """Modules of benchmarks/, imported as its scripts import them."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import out_of_the_box_verdicts
        import suite.halves
        import suite.problem
        import suite.splits

        yield SimpleNamespace(suite=suite, verdicts=out_of_the_box_verdicts)
    finally:
        sys.path.remove(str(BENCHMARKS))


def test_the_halves_do_not_change(benchmarks: Any) -> None:
    half_of = {problem.name: problem.half for problem in benchmarks.suite.problems()}
    assert {name for name, half in half_of.items() if half == "chosen"} == CHOSEN
    assert {name for name, half in half_of.items() if half == "unseen"} == UNKNOWN


def test_a_target_is_no_feature_and_a_problem_has_at_most_ten_tasks(benchmarks: Any) -> None:
    for problem in benchmarks.suite.problems():
        declared = problem.declared
        left_out = [column for columns in declared.left_out.values() for column in columns]
        assert 2 <= len(problem.targets) <= 10
        assert len({*problem.targets, *left_out}) == len(problem.targets) + len(left_out)


def test_a_group_is_in_one_split_and_selected_as_a_whole(benchmarks: Any) -> None:
    table = pd.DataFrame({"person": np.repeat(np.arange(6_000), 3)})
    splits = benchmarks.suite.splits.GroupSplit(("person",)).splits("some", table)
    splits_per_person = splits.fillna("left out").groupby(table["person"]).nunique()
    assert set(splits_per_person) == {1}
    assert 0.9 * benchmarks.suite.splits.MAX_ROWS < splits.notna().sum() <= benchmarks.suite.splits.MAX_ROWS


def test_the_split_of_a_group_depends_on_no_other_row(benchmarks: Any) -> None:
    rule, table = benchmarks.suite.splits.GroupSplit(("person",)), pd.DataFrame({"person": np.arange(500)})
    shuffled = table.sample(frac=1, random_state=0)
    assert rule.splits("some", table).equals(rule.splits("some", shuffled).sort_index())
    assert rule.splits("some", table.iloc[:100]).equals(rule.splits("some", table).iloc[:100])


@pytest.mark.parametrize("rows", [100, 10_000, 10_001, 35_000])
def test_random_splits_have_the_stated_shares_and_the_stated_maximum(benchmarks: Any, rows: int) -> None:
    splits = benchmarks.suite.splits.RandomSplit().splits("some", pd.DataFrame({"x": np.zeros(rows)}))
    rows_used, limit = splits.notna().sum(), min(rows, benchmarks.suite.splits.MAX_ROWS)
    assert 0.95 * limit <= rows_used <= limit
    shares = splits.value_counts(normalize=True)
    assert all(
        abs(shares[part] - share) < 0.1 for part, share in {"train": 0.6, "validation": 0.2, "test": 0.2}.items()
    )


def test_a_split_by_time_selects_every_kth_row_in_order_of_time(benchmarks: Any) -> None:
    table = pd.DataFrame({"year": np.random.default_rng(0).permutation(25_000)})
    splits = benchmarks.suite.splits.TimeOrderSplit("year", 15_000, 20_000).splits("some", table)
    years = np.sort(table["year"][splits.notna()])
    assert years.tolist() == list(range(0, 25_000, 3))
    for part, (low, high) in {"train": (0, 14_999), "validation": (15_000, 19_999), "test": (20_000, 24_999)}.items():
        assert table["year"][splits == part].between(low, high).all()


def test_a_class_without_training_rows_is_no_label(benchmarks: Any) -> None:
    table = pa.table({"y": ["a", "b", "c", None], "split": ["train", "test", "test", "test"]})
    table = pa.concat_tables([table, pa.table({"y": ["b"], "split": ["train"]})])
    assert benchmarks.suite.problem._drop_untrained_classes(table, "y")["y"].to_pylist() == ["a", "b", None, None, "b"]
    numbers = pa.table({"y": np.arange(100.0), "split": ["train"] * 50 + ["test"] * 50})
    assert benchmarks.suite.problem._drop_untrained_classes(numbers, "y")["y"].null_count == 0


def results(benchmarks: Any, metric: Metric, spread: float) -> tuple[Any, Any]:
    """Results with predictions near the labels, and with predictions off by `spread`."""
    random = np.random.default_rng(0)
    labels = random.integers(2, size=400).astype(float)
    noise = random.normal(size=(4, 400))
    near = [labels + 0.5 * noise[seed] for seed in range(3)]
    return (
        benchmarks.verdicts.MethodResult(metric, labels, near),
        benchmarks.verdicts.MethodResult(metric, labels, [labels + spread * noise[3]]),
    )


METRICS = (MAE, Auc(name="auc", higher_is_better=True))


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_verdict_is_antisymmetric_and_equal_within_noise(benchmarks: Any, metric: Metric) -> None:
    good, bad = results(benchmarks, metric, 2.0)
    assert (benchmarks.verdicts.verdict_of(good, bad), benchmarks.verdicts.verdict_of(bad, good)) == ("better", "worse")
    good, similar = results(benchmarks, metric, 0.5)
    assert benchmarks.verdicts.verdict_of(good, similar) == benchmarks.verdicts.verdict_of(good, good) == "equal"


def test_the_error_of_a_metric_with_maximum_1_is_1_minus_the_metric(benchmarks: Any) -> None:
    labels = np.array([0, 0, 1, 1])
    right, wrong = np.array([0.1, 0.2, 0.8, 0.9]), np.array([0.1, 0.85, 0.8, 0.9])
    network, peer = (
        benchmarks.verdicts.MethodResult(METRICS[1], labels, [predictions]) for predictions in (wrong, wrong)
    )
    assert benchmarks.verdicts.error_ratio(network, [peer]) == pytest.approx(1.0)
    best = benchmarks.verdicts.MethodResult(METRICS[1], labels, [right])
    assert benchmarks.verdicts.error_ratio(network, [peer, best]) > benchmarks.verdicts.LIMIT
