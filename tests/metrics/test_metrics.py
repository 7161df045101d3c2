"""Metrics against scikit-learn and manual calculations, with row weights, undefined ones, and resampled ones."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as peers

from mtl_core.metrics import Metric, RowMean
from mtl_core.metrics.bootstrap import interval, resampled, standard_error
from mtl_core.metrics.calibration import BINARY_ECE
from mtl_core.metrics.classification import BINARY_LOG_LOSS, LOG_LOSS
from mtl_core.metrics.clustering import NormalisedMutualInformation
from mtl_core.metrics.decisions import ThresholdMetric
from mtl_core.metrics.multilabel import MacroAuc
from mtl_core.metrics.ranking import Auc, AveragePrecision
from mtl_core.metrics.regression import MAE, R2
from tests.strategies import patient
from tests.tasks.declared import task

DECLARED: dict[str, Any] = {
    "binary": task("binary"),
    "decision": task("binary", threshold=0.4),
    "multiclass": task("multiclass"),
    "multilabel": task("multilabel"),
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


def sample(kind: str, seed: int = 0, rows: int = ROWS, unknown: float = 0.0) -> tuple[Any, Any, Any]:
    """Labels, predictions and integer weights, some of them 0; every class has a row with a weight above 0.

    `unknown` is the share of unknown labels of multilabel rows.
    """
    random = np.random.default_rng(seed)
    weights = np.concatenate([[1.0, 1.0, 1.0], random.integers(0, 4, rows - 3)])
    if kind in BINARY:
        labels = np.concatenate([[0, 1, 1], random.integers(0, 2, rows - 3)]).astype(np.int8)
        return labels, random.uniform(size=rows).round(1).astype(np.float32), weights
    if kind in ("multiclass", "ordinal"):
        labels = np.concatenate([[0, 1, 2], random.integers(0, 3, rows - 3)]).astype(np.int16)
        return labels, random.dirichlet([1, 1, 1], rows).astype(np.float32), weights
    if kind == "multilabel":
        labels = random.integers(0, 2, (rows, 4)).astype(np.int8)
        labels[random.random((rows, 4)) < unknown] = -1
        labels[:2], labels[2:, 0] = [[0] * 4, [1] * 4], np.abs(labels[2:, 0])  # each row has a known label
        return labels, random.uniform(size=(rows, 4)).round(1).astype(np.float32), weights
    if kind == "counts":
        labels = random.poisson(2, rows).astype(np.float32)
        return labels, random.gamma(2, 1, rows).astype(np.float32), weights
    labels = random.normal(10, 5, rows).astype(np.float32)
    if kind == "quantiles":
        return labels, np.sort(random.normal(10, 5, (rows, 3)), axis=1).astype(np.float32), weights
    return labels, (labels + random.normal(0, 2, rows)).astype(np.float32), weights


def _normalised(predictions: Any) -> Any:
    return predictions / predictions.sum(axis=1, keepdims=True, dtype=np.float64)


def _cumulative_brier(y: Any, p: Any, w: Any) -> Any:
    at_most = p.astype(float).cumsum(axis=1).clip(0, 1)
    return np.mean([peers.brier_score_loss(y <= k, at_most[:, k], sample_weight=w, pos_label=True) for k in range(2)])


def _pinball(y: Any, q: Any, w: Any, *levels: float) -> Any:
    columns = [q[:, (0.1, 0.4, 0.8).index(level)] for level in levels]
    pairs = zip(columns, levels, strict=True)
    return [peers.mean_pinball_loss(y, column, alpha=level, sample_weight=w) for column, level in pairs]


def _single_bin_ece(p: Any, y: Any, w: Any) -> Any:
    """The calibration error of rows that are too few for two bins."""
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
    "binary ece": lambda y, p, w: _single_bin_ece(p, y, w),
    "decision f1": lambda y, p, w: peers.f1_score(y, _decided(p), sample_weight=w),
    "decision accuracy": lambda y, p, w: peers.accuracy_score(y, _decided(p), sample_weight=w),
    "decision balanced_accuracy": lambda y, p, w: peers.balanced_accuracy_score(y, _decided(p), sample_weight=w),
    "decision precision": lambda y, p, w: peers.precision_score(y, _decided(p), sample_weight=w),
    "decision recall": lambda y, p, w: peers.recall_score(y, _decided(p), sample_weight=w),
    "multiclass log_loss": lambda y, p, w: peers.log_loss(y, _normalised(p), sample_weight=w),
    "multiclass accuracy": lambda y, p, w: peers.accuracy_score(y, p.argmax(1), sample_weight=w),
    "multiclass macro_f1": lambda y, p, w: peers.f1_score(y, p.argmax(1), average="macro", sample_weight=w),
    "multiclass ece": lambda y, p, w: _single_bin_ece(p.max(1), p.argmax(1) == y, w),
    "multilabel macro_auc": lambda y, p, w: peers.roc_auc_score(y, p, sample_weight=w),
    "multilabel log_loss": lambda y, p, w: np.mean(
        [peers.log_loss(y[:, k], p[:, k].astype(float).clip(EPS, 1 - EPS), sample_weight=w) for k in range(4)]
    ),
    "multilabel micro_f1": lambda y, p, w: peers.f1_score(y, p >= 0.5, average="micro", sample_weight=w),
    "multilabel macro_f1": lambda y, p, w: peers.f1_score(y, p >= 0.5, average="macro", sample_weight=w),
    "multilabel label_ranking_average_precision": lambda y, p, w: peers.label_ranking_average_precision_score(
        y, p, sample_weight=w
    ),
    "multilabel ece": lambda y, p, w: BINARY_ECE.weighted(y.ravel(), p.ravel())(
        np.repeat(np.ones(len(y)) if w is None else w, 4)
    ),
    "ordinal ranked_probability_score": _cumulative_brier,
    "ordinal log_loss": lambda y, p, w: peers.log_loss(y, _normalised(p), sample_weight=w),
    "ordinal accuracy": lambda y, p, w: peers.accuracy_score(y, p.argmax(1), sample_weight=w),
    "ordinal mae": lambda y, p, w: peers.mean_absolute_error(y, p.argmax(1), sample_weight=w),
    "ordinal weighted_kappa": lambda y, p, w: peers.cohen_kappa_score(
        y, p.argmax(1), weights="quadratic", sample_weight=w
    ),
    "ordinal ece": lambda y, p, w: _single_bin_ece(p.max(1), p.argmax(1) == y, w),
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
HIGHER_IS_BETTER = {
    "binary auc",
    "binary average_precision",
    *(f"decision {name}" for name in ("f1", "accuracy", "balanced_accuracy", "precision", "recall")),
    "multiclass accuracy",
    "multiclass macro_f1",
    *(f"multilabel {name}" for name in ("macro_auc", "micro_f1", "macro_f1", "label_ranking_average_precision")),
    "ordinal accuracy",
    "ordinal weighted_kappa",
    "regression r2",
    "counts r2",
}


def test_every_metric_has_a_peer() -> None:
    assert sorted(PEERS) == sorted(NAMES)


@pytest.mark.parametrize(("kind", "metric"), ALL, ids=NAMES)
def test_metrics_equal_their_peers_with_and_without_weights(kind: str, metric: Metric) -> None:
    labels, predictions, weights = sample(kind)
    peer = PEERS[f"{kind} {metric.name}"]
    assert metric(labels, predictions) == pytest.approx(peer(labels, predictions, None), rel=1e-5)
    assert metric.weighted(labels, predictions)(weights) == pytest.approx(peer(labels, predictions, weights), rel=1e-5)


@pytest.mark.parametrize(("kind", "metric"), ALL, ids=NAMES)
@given(seed=st.integers(0, 1_000))
@patient
def test_a_weight_counts_like_that_many_rows(kind: str, metric: Metric, seed: int) -> None:
    """A bootstrap by weights equals one of rows, even if no row of a class, or no known label, is drawn."""
    labels, predictions, _ = sample(kind, seed, rows=6, unknown=0.5)
    weights = np.random.default_rng(seed).multinomial(6, np.full(6, 1 / 6)).astype(float)
    repeated = np.repeat(np.arange(6), weights.astype(int))
    expected = metric(labels[repeated], predictions[repeated])
    assert metric.weighted(labels, predictions)(weights) == pytest.approx(expected, rel=1e-5, abs=1e-6, nan_ok=True)


@pytest.mark.parametrize(("kind", "metric"), ALL, ids=NAMES)
def test_exact_predictions_are_best_in_the_metrics_direction(kind: str, metric: Metric) -> None:
    assert metric.higher_is_better == (f"{kind} {metric.name}" in HIGHER_IS_BETTER)
    labels, predictions, _ = sample(kind)
    if kind in ("multiclass", "ordinal"):
        exact = np.eye(3, dtype=np.float32)[labels]
    elif kind == "quantiles":
        exact = np.repeat(labels[:, None], 3, axis=1)
        if metric.name == "coverage_error":  # 7 in 10 labels have to lie between the outermost two
            exact[:18] += 1
    else:
        exact = np.maximum(labels.astype(np.float32), 1e-9 if kind == "counts" else -np.inf)
    best, other = (metric.oriented(metric(labels, p)) for p in (exact, predictions))
    assert best > other
    assert best == pytest.approx(1 if metric.higher_is_better else 0, abs=1e-6)


def test_golden_values() -> None:
    labels, probabilities = np.array([0, 0, 1, 1], dtype=np.int8), np.array([0.1, 0.4, 0.35, 0.8], dtype=np.float32)
    values = {metric.name: metric(labels, probabilities) for metric in task("binary").metrics}
    expected = {"auc": 0.75, "log_loss": 0.472288, "average_precision": 5 / 6, "brier": 0.158125, "ece": 0.0875}
    assert values == pytest.approx(expected)
    numbers, predictions = np.array([3, -0.5, 2, 7], dtype=np.float32), np.array([2.5, 0, 2, 8], dtype=np.float32)
    values = {metric.name: metric(numbers, predictions) for metric in task("regression").metrics}
    assert values == pytest.approx({"mae": 0.5, "rmse": 0.375**0.5, "r2": 0.948608}, rel=1e-5)


@pytest.mark.parametrize(("kind", "metric"), ALL, ids=NAMES)
def test_metrics_of_no_rows_are_undefined(kind: str, metric: Metric) -> None:
    labels, predictions, _ = sample(kind)
    assert np.isnan(metric(labels[:0], predictions[:0]))
    assert np.isnan(resampled(metric, labels[:0], predictions[:0], resamples=3)).all()
    assert standard_error(metric, labels[:0], predictions[:0]) == 0.0


@pytest.mark.parametrize(
    ("labels", "auc", "precision"), [([0, 0], np.nan, np.nan), ([1, 1], np.nan, 1.0), ([0, 1], 1.0, 1.0)]
)
def test_metrics_of_a_single_class(labels: list[int], auc: float, precision: float) -> None:
    known, probabilities = np.array(labels, dtype=np.int8), np.array([0.2, 0.9], dtype=np.float32)
    np.testing.assert_array_equal(
        [metric(known, probabilities) for metric in (Auc(), AveragePrecision())], [auc, precision]
    )


@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_the_log_loss_of_a_certain_error_is_finite(probability: float) -> None:
    label = np.array([int(1 - probability)], dtype=np.int8)
    assert BINARY_LOG_LOSS(label, np.array([probability], dtype=np.float32)) == pytest.approx(15.942, abs=1e-3)
    classes = np.array([[probability, 1 - probability]], dtype=np.float32)
    assert LOG_LOSS(1 - label.astype(np.int16), classes) == pytest.approx(15.942, abs=1e-3)


MEAN = RowMean(name="mean", higher_is_better=True, rows=lambda y, p: p)


def test_the_standard_error_of_a_mean() -> None:
    values = np.random.default_rng(1).normal(5, 2, 400)
    error = standard_error(MEAN, values, values, resamples=1_000)
    assert error == pytest.approx(values.std() / np.sqrt(400), rel=0.1)


def test_the_coverage_of_an_interval_is_near_its_level() -> None:
    random, covered = np.random.default_rng(2), 0
    for _ in range(200):
        values = random.normal(5, 2, 60)
        low, high = interval(resampled(MEAN, values, values, resamples=100), level=0.9)
        covered += low <= 5 <= high
    assert 0.82 <= covered / 200 <= 0.95


def test_two_models_have_the_same_resamples() -> None:
    """A model that is better by a constant on every row is better by it in every resample."""
    labels = np.random.default_rng(3).normal(size=50)
    first, second = (resampled(MEAN, labels, labels + shift, resamples=20) for shift in (0, 1))
    np.testing.assert_allclose(second - first, 1)
    assert first.std() > 0
    assert (resampled(MEAN, labels, labels, resamples=20, seed=1) != first).any()


def test_resamples_with_an_undefined_metric_are_ignored() -> None:
    labels, scores = np.array([0, 0, 0, 0, 0, 1], dtype=np.int8), np.arange(6, dtype=np.float32)
    values = resampled(Auc(), labels, scores, resamples=200)
    assert np.isnan(values).mean() == pytest.approx((5 / 6) ** 6, abs=0.1)
    assert interval(values) == (1.0, 1.0)
    assert standard_error(Auc(), labels, scores) == 0.0


def test_an_interval_without_defined_values_is_nan() -> None:
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
        (ThresholdMetric(name="accuracy", threshold=0.5), [], [1]),
        (ThresholdMetric(name="balanced_accuracy", threshold=0.5), [1, 1], [0, 1]),
        (ThresholdMetric(name="recall", threshold=0.5), [0, 0], [1, 1]),
    ],
    ids=lambda case: getattr(case, "name", ""),
)
def test_a_metric_with_a_reason_for_being_undefined_is_nan(metric: Metric, lacking: Any, sufficient: Any) -> None:
    for labels, defined in ((lacking, False), (sufficient, True)):
        known = np.array(labels)
        has_columns = known.ndim > 1 or metric.name == "nmi"
        predictions = np.random.default_rng(0).random((len(known), 2) if has_columns else len(known))
        assert np.isfinite(metric(known, predictions)) == defined == (metric.undefined(known) == "")
