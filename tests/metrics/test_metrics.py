"""Metrics against scikit-learn and hand-counted values, with row weights, at their borders, and resampled."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as peers

from mtl_core.metrics import Metric, RowMean
from mtl_core.metrics.bootstrap import interval, resampled, standard_error
from mtl_core.metrics.clustering import NormalisedMutualInformation
from mtl_core.metrics.multilabel import MacroAuc
from mtl_core.metrics.ranking import Auc, AveragePrecision
from mtl_core.metrics.regression import MAE, R2
from tests.strategies import patient
from tests.tasks.declared import task

DECLARED: dict[str, Any] = {
    "binary": task("binary"),
    "decision": task("binary", threshold=0.4),
    "multiclass": task("multiclass"),
    "ordinal": task("ordinal", classes=["low", "mid", "high"]),
    "quantiles": task("quantiles", levels=[0.1, 0.4, 0.8]),
    "regression": task("regression"),
    "counts": task("regression", loss="poisson"),
}
BINARY = ("binary", "decision")
ALL = [
    (kind, metric)
    for kind, declared in DECLARED.items()
    for metric in declared.metrics
    if kind != "decision" or metric not in DECLARED["binary"].metrics
]
NAMES = [f"{kind} {metric.name}" for kind, metric in ALL]
ROWS = 60
EPS = np.finfo(np.float32).eps


def sample(kind: str, seed: int = 0, rows: int = ROWS) -> tuple[Any, Any, Any]:
    """Labels, predictions and whole weights, some of them 0, of which every class keeps a row."""
    random = np.random.default_rng(seed)
    weights = np.concatenate([[1.0, 1.0, 1.0], random.integers(0, 4, rows - 3)])
    if kind in BINARY:
        labels = np.concatenate([[0, 1, 1], random.integers(0, 2, rows - 3)]).astype(np.int8)
        return labels, random.uniform(size=rows).round(1).astype(np.float32), weights
    if kind in ("multiclass", "ordinal"):
        labels = np.concatenate([[0, 1, 2], random.integers(0, 3, rows - 3)]).astype(np.int16)
        return labels, random.dirichlet([1, 1, 1], rows).astype(np.float32), weights
    if kind == "counts":
        labels = random.poisson(2, rows).astype(np.float32)
        return labels, random.gamma(2, 1, rows).astype(np.float32), weights
    labels = random.normal(10, 5, rows).astype(np.float32)
    if kind == "quantiles":
        return labels, np.sort(random.normal(10, 5, (rows, 3)), axis=1).astype(np.float32), weights
    return labels, (labels + random.normal(0, 2, rows)).astype(np.float32), weights


def _summing_to_one(predictions: Any) -> Any:
    return predictions / predictions.sum(axis=1, keepdims=True, dtype=np.float64)


def _cumulative_brier(y: Any, p: Any, w: Any) -> Any:
    at_most = p.astype(float).cumsum(axis=1).clip(0, 1)
    return np.mean([peers.brier_score_loss(y <= k, at_most[:, k], sample_weight=w, pos_label=True) for k in range(2)])


def _pinball(y: Any, q: Any, w: Any, *levels: float) -> Any:
    places = [(0.1, 0.4, 0.8).index(level) for level in levels]
    return [
        peers.mean_pinball_loss(y, q[:, place], alpha=level, sample_weight=w)
        for place, level in zip(places, levels, strict=True)
    ]


def _gap(p: Any, y: Any, w: Any) -> Any:
    """The calibration error of so few rows that they are one bin."""
    return abs(np.average(p.astype(float) - y, weights=w))


def _decided(p: Any) -> Any:
    return p >= np.float32(0.4)


NUMBERS = {
    "mae": lambda y, p, w: peers.mean_absolute_error(y, p, sample_weight=w),
    "rmse": lambda y, p, w: peers.root_mean_squared_error(y, p, sample_weight=w),
    "r2": lambda y, p, w: peers.r2_score(y, p, sample_weight=w),
}
PEERS = {
    "binary auc": lambda y, p, w: peers.roc_auc_score(y, p, sample_weight=w),
    "binary log_loss": lambda y, p, w: peers.log_loss(y, p.astype(float).clip(EPS, 1 - EPS), sample_weight=w),
    "binary average_precision": lambda y, p, w: peers.average_precision_score(y, p, sample_weight=w),
    "binary brier": lambda y, p, w: peers.brier_score_loss(y, p, sample_weight=w),
    "binary ece": lambda y, p, w: _gap(p, y, w),
    "decision f1": lambda y, p, w: peers.f1_score(y, _decided(p), sample_weight=w),
    "decision accuracy": lambda y, p, w: peers.accuracy_score(y, _decided(p), sample_weight=w),
    "decision balanced_accuracy": lambda y, p, w: peers.balanced_accuracy_score(y, _decided(p), sample_weight=w),
    "decision precision": lambda y, p, w: peers.precision_score(y, _decided(p), sample_weight=w),
    "decision recall": lambda y, p, w: peers.recall_score(y, _decided(p), sample_weight=w),
    "multiclass log_loss": lambda y, p, w: peers.log_loss(y, _summing_to_one(p), sample_weight=w),
    "multiclass accuracy": lambda y, p, w: peers.accuracy_score(y, p.argmax(1), sample_weight=w),
    "multiclass macro_f1": lambda y, p, w: peers.f1_score(y, p.argmax(1), average="macro", sample_weight=w),
    "multiclass ece": lambda y, p, w: _gap(p.max(1), p.argmax(1) == y, w),
    "ordinal ranked_probability_score": _cumulative_brier,
    "ordinal log_loss": lambda y, p, w: peers.log_loss(y, _summing_to_one(p), sample_weight=w),
    "ordinal accuracy": lambda y, p, w: peers.accuracy_score(y, p.argmax(1), sample_weight=w),
    "ordinal mae": lambda y, p, w: peers.mean_absolute_error(y, p.argmax(1), sample_weight=w),
    "ordinal weighted_kappa": lambda y, p, w: peers.cohen_kappa_score(
        y, p.argmax(1), weights="quadratic", sample_weight=w
    ),
    "ordinal ece": lambda y, p, w: _gap(p.max(1), p.argmax(1) == y, w),
    "quantiles pinball": lambda y, q, w: np.mean(_pinball(y, q, w, 0.1, 0.4, 0.8)),
    "quantiles interval_score": lambda y, q, w: np.sum(np.divide(_pinball(y, q, w, 0.1, 0.8), [0.1, 0.2])),
    "quantiles coverage_error": lambda y, q, w: abs(
        np.average((q[:, 0] <= y) & (y <= q[:, 2]), weights=w) - (0.8 - 0.1)
    ),
    "quantiles mae": lambda y, q, w: peers.mean_absolute_error(y, q[:, 1], sample_weight=w),
    **{f"regression {name}": peer for name, peer in NUMBERS.items()},
    **{f"counts {name}": peer for name, peer in NUMBERS.items()},
    "counts poisson_deviance": lambda y, p, w: peers.mean_poisson_deviance(y, p, sample_weight=w),
}
BETTER_UP = {
    "binary auc",
    "binary average_precision",
    *(f"decision {name}" for name in ("f1", "accuracy", "balanced_accuracy", "precision", "recall")),
    "multiclass accuracy",
    "multiclass macro_f1",
    "ordinal accuracy",
    "ordinal weighted_kappa",
    "regression r2",
    "counts r2",
}


def test_every_metric_has_a_peer() -> None:
    assert sorted(PEERS) == sorted(NAMES)


@pytest.mark.parametrize(("kind", "metric"), ALL, ids=NAMES)
def test_equals_the_peer_with_and_without_weights(kind: str, metric: Metric) -> None:
    labels, predictions, weights = sample(kind)
    peer = PEERS[f"{kind} {metric.name}"]
    assert metric(labels, predictions) == pytest.approx(peer(labels, predictions, None), rel=1e-5)
    assert metric.weighted(labels, predictions)(weights) == pytest.approx(peer(labels, predictions, weights), rel=1e-5)


@pytest.mark.parametrize(("kind", "metric"), ALL, ids=NAMES)
@given(seed=st.integers(0, 1_000))
@patient
def test_a_weight_is_that_many_rows(kind: str, metric: Metric, seed: int) -> None:
    """A bootstrap by weights is one of rows, even where no row of a class is drawn."""
    labels, predictions, _ = sample(kind, seed, rows=6)
    weights = np.random.default_rng(seed).multinomial(6, np.full(6, 1 / 6)).astype(float)
    repeated = np.repeat(np.arange(6), weights.astype(int))
    expected = metric(labels[repeated], predictions[repeated])
    assert metric.weighted(labels, predictions)(weights) == pytest.approx(expected, rel=1e-5, abs=1e-6, nan_ok=True)


@pytest.mark.parametrize(("kind", "metric"), ALL, ids=NAMES)
def test_better_is_where_the_direction_says(kind: str, metric: Metric) -> None:
    assert metric.higher_is_better == (f"{kind} {metric.name}" in BETTER_UP)
    labels, predictions, _ = sample(kind)
    if kind in ("multiclass", "ordinal"):
        exact = np.eye(3, dtype=np.float32)[labels]
    elif kind == "quantiles":
        exact = np.repeat(labels[:, None], 3, axis=1)
        if metric.name == "coverage_error":  # 7 in 10 labels are to lie between the outermost two
            exact[:18] += 1
    else:
        exact = np.maximum(labels.astype(np.float32), 1e-9 if kind == "counts" else -np.inf)
    perfect, found = (metric.oriented(metric(labels, p)) for p in (exact, predictions))
    assert perfect > found
    assert perfect == pytest.approx(1 if metric.higher_is_better else 0, abs=1e-6)


def test_golden_values() -> None:
    labels, chances = np.array([0, 0, 1, 1], dtype=np.int8), np.array([0.1, 0.4, 0.35, 0.8], dtype=np.float32)
    found = {metric.name: metric(labels, chances) for metric in task("binary").metrics}
    expected = {"auc": 0.75, "log_loss": 0.472288, "average_precision": 5 / 6, "brier": 0.158125, "ece": 0.0875}
    assert found == pytest.approx(expected)
    truth, guess = np.array([3, -0.5, 2, 7], dtype=np.float32), np.array([2.5, 0, 2, 8], dtype=np.float32)
    found = {metric.name: metric(truth, guess) for metric in task("regression").metrics}
    assert found == pytest.approx({"mae": 0.5, "rmse": 0.375**0.5, "r2": 0.948608}, rel=1e-5)


@pytest.mark.parametrize(("kind", "metric"), ALL, ids=NAMES)
def test_no_rows_are_undefined(kind: str, metric: Metric) -> None:
    labels, predictions, _ = sample(kind)
    assert np.isnan(metric(labels[:0], predictions[:0]))
    assert np.isnan(resampled(metric, labels[:0], predictions[:0], resamples=3)).all()
    assert standard_error(metric, labels[:0], predictions[:0]) == 0.0


@pytest.mark.parametrize(
    ("labels", "auc", "precision"), [([0, 0], np.nan, np.nan), ([1, 1], np.nan, 1.0), ([0, 1], 1.0, 1.0)]
)
def test_one_class_alone(labels: list[int], auc: float, precision: float) -> None:
    known, chances = np.array(labels, dtype=np.int8), np.array([0.2, 0.9], dtype=np.float32)
    found = [task("binary").metric_named(name)(known, chances) for name in ("auc", "average_precision")]
    np.testing.assert_array_equal(found, [auc, precision])


@pytest.mark.parametrize("chance", [0.0, 1.0])
def test_a_sure_mistake_costs_much_but_not_everything(chance: float) -> None:
    label = np.array([int(1 - chance)], dtype=np.int8)
    assert task("binary").metric_named("log_loss")(label, np.array([chance], dtype=np.float32)) == pytest.approx(
        15.942, abs=1e-3
    )
    classes = np.array([[chance, 1 - chance]], dtype=np.float32)
    wrong = np.array([int(chance)], dtype=np.int16)
    assert task("multiclass").metric_named("log_loss")(wrong, classes) == pytest.approx(15.942, abs=1e-3)


def test_r2_of_a_single_row_is_undefined() -> None:
    assert np.isnan(
        task("regression").metric_named("r2")(np.array([1], dtype=np.float32), np.array([1], dtype=np.float32))
    )


MEAN = RowMean(name="mean", higher_is_better=True, rows=lambda y, p: p)


def test_the_standard_error_of_a_mean_is_the_textbooks() -> None:
    values = np.random.default_rng(1).normal(5, 2, 400)
    found = standard_error(MEAN, values, values, resamples=1_000)
    assert found == pytest.approx(values.std() / np.sqrt(400), rel=0.1)


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    random, held = np.random.default_rng(2), 0
    for _ in range(200):
        values = random.normal(5, 2, 60)
        low, high = interval(resampled(MEAN, values, values, resamples=100), level=0.9)
        held += low <= 5 <= high
    assert 0.82 <= held / 200 <= 0.95


def test_the_same_rows_are_drawn_for_two_models() -> None:
    """A model that is better by a constant on every row is so in every resample."""
    labels = np.random.default_rng(3).normal(size=50)
    one, other = (resampled(MEAN, labels, labels + shift, resamples=20) for shift in (0, 1))
    np.testing.assert_allclose(other - one, 1)
    assert one.std() > 0
    assert (resampled(MEAN, labels, labels, resamples=20, seed=1) != one).any()


def test_resamples_without_the_metric_are_left_out() -> None:
    labels = np.array([0, 0, 0, 0, 0, 1], dtype=np.int8)
    draws = resampled(
        task("binary").metric_named("auc"), labels, np.array([0, 1, 2, 3, 4, 5], dtype=np.float32), resamples=200
    )
    undefined = np.isnan(draws).mean()
    assert undefined == pytest.approx((5 / 6) ** 6, abs=0.1)
    assert interval(draws) == (1.0, 1.0)
    assert (
        standard_error(task("binary").metric_named("auc"), labels, np.array([0, 1, 2, 3, 4, 5], dtype=np.float32))
        == 0.0
    )


def test_an_interval_of_nothing_is_nan() -> None:
    assert np.isnan(interval(np.array([]))).all()
    assert np.isnan(interval(np.full(3, np.nan))).all()
    assert interval(np.array([np.inf, 1.0, np.nan, 3.0]), level=1.0) == (1.0, 3.0)


@pytest.mark.parametrize(
    ("metric", "lacking", "sufficient"),
    [
        (Auc(), [1, 1], [0, 1]),
        (AveragePrecision(), [0, 0], [1, 1]),
        (R2(), [0.5], [0.5, 0.5]),
        (MAE, [], [0.5]),
        (MacroAuc(), [[1, 0], [1, -1]], [[1, 0], [0, -1]]),
        (NormalisedMutualInformation(), [3, 3], [3, 4]),
    ],
    ids=lambda case: getattr(case, "name", ""),
)
def test_a_metric_is_undefined_where_it_says_what_labels_lack(metric: Metric, lacking: Any, sufficient: Any) -> None:
    for labels, defined in ((lacking, False), (sufficient, True)):
        known = np.array(labels)
        wide = known.ndim > 1 or metric.name == "nmi"
        predictions = np.random.default_rng(0).random((len(known), 2) if wide else len(known))
        assert np.isfinite(metric(known, predictions)) == defined == (metric.undefined(known) == "")
