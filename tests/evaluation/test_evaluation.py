"""Metrics per task, the baseline, and the paired comparison of two models."""

import math

import numpy as np
import pytest

from mtl_core.errors import DataError
from mtl_core.evaluation import baseline_predictions, compare, evaluate
from tests.small import Small

ROWS = 2_000


@pytest.fixture
def labels() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    minutes = generator.normal(size=ROWS).astype(np.float32)
    unlabelled = generator.random(ROWS) < 0.3
    return {
        "late": np.where(unlabelled, -1, minutes > 0).astype(np.int8),
        "band": np.where(unlabelled, -1, np.digitize(minutes, [-1, 1])).astype(np.int16),
        "minutes": np.where(unlabelled, np.nan, minutes).astype(np.float32),
        "rare": np.full(ROWS, -1, dtype=np.int8),
    }


def noisy(labels: dict[str, np.ndarray], noise: float, seed: int = 1) -> dict[str, np.ndarray]:
    """Predictions with an error of that standard deviation."""
    generator = np.random.default_rng(seed)
    minutes = np.nan_to_num(labels["minutes"]) + noise * generator.normal(size=ROWS)
    logits = -np.square(minutes[:, None] - np.array([-1.5, 0.0, 1.5]))
    band = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    late = 1 / (1 + np.exp(-3 * minutes))
    return {"late": late, "band": band, "minutes": minutes, "rare": late}


def test_predictions_of_unlabelled_rows_are_ignored(small: Small, labels: dict[str, np.ndarray]) -> None:
    predictions = noisy(labels, 0.5)
    changed = {name: values.copy() for name, values in predictions.items()}
    for name, values in changed.items():
        values[np.isnan(labels["minutes"]) if name == "minutes" else labels[name] < 0] = 0.123
    first, second = (evaluate(small.tasks[:3], labels, p, resamples=0) for p in (predictions, changed))
    assert str(first) == str(second)


def test_metrics_of_a_task_without_labels_are_nan(small: Small, labels: dict[str, np.ndarray]) -> None:
    metrics = evaluate(small.tasks, labels, noisy(labels, 0.5), resamples=5)
    assert all(math.isnan(metric.value) and math.isnan(metric.low) for metric in metrics["rare"].values())
    assert all(math.isfinite(m.value) for task in ("late", "band", "minutes") for m in metrics[task].values())


def test_intervals_contain_the_value(small: Small, labels: dict[str, np.ndarray]) -> None:
    for metrics in evaluate(small.tasks[:3], labels, noisy(labels, 0.5), resamples=100).values():
        for metric in metrics.values():
            assert metric.low < metric.value < metric.high


def test_a_better_model_has_positive_differences_on_all_tasks(small: Small, labels: dict[str, np.ndarray]) -> None:
    good, bad = noisy(labels, 0.2), noisy(labels, 1.0)
    forward = compare(small.tasks[:3], labels, bad, good, resamples=50)
    backward = compare(small.tasks[:3], labels, good, bad, resamples=50)
    for gain, loss in zip(forward, backward, strict=True):
        assert 0 < gain.low <= gain.difference <= gain.high
        assert loss.difference == pytest.approx(-gain.difference)
        assert (loss.low, loss.high) == pytest.approx((-gain.high, -gain.low))


def test_a_model_does_not_differ_from_itself(small: Small, labels: dict[str, np.ndarray]) -> None:
    predictions = noisy(labels, 0.5)
    for difference in compare(small.tasks[:3], labels, predictions, predictions, resamples=20):
        assert (difference.difference, difference.low, difference.high) == (0, 0, 0)


def test_paired_intervals_are_narrower_than_those_of_a_metric(small: Small, labels: dict[str, np.ndarray]) -> None:
    base = noisy(labels, 0.5)
    shifted = base | {"minutes": base["minutes"] + 0.01}
    paired = compare(small.tasks[2:3], labels, base, shifted, resamples=100)[0]
    unpaired = evaluate(small.tasks[2:3], labels, base, resamples=100)["minutes"]["mae"]
    assert paired.high - paired.low < (unpaired.high - unpaired.low) / 5


def test_a_baseline_prediction_for_each_label(small: Small, labels: dict[str, np.ndarray]) -> None:
    predictions = baseline_predictions(small.tasks[:3], labels, {name: values[:7] for name, values in labels.items()})
    shapes = {name: values.shape for name, values in predictions.items()}
    assert shapes == {"late": (7,), "band": (7, 3), "minutes": (7,)}
    assert predictions["late"][0] == pytest.approx((labels["late"] == 1).sum() / (labels["late"] >= 0).sum())


def test_labels_without_a_defined_metric_are_refused(small: Small, labels: dict[str, np.ndarray]) -> None:
    minutes = small.tasks[2]
    options = minutes.options.model_copy(update={"loss": "poisson"})
    task = options.objective(minutes.codec.model_copy(update={"minimum": 0.0, "mean": 1.0}))
    with pytest.raises(DataError, match=r"task 'minutes': .*0 or more, found -"):
        evaluate([task], labels, noisy(labels, 0.5), resamples=0)
