"""Numbers per task, the trivial predictor, and the paired comparison of two models."""

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
    """Predictions as good as that much noise allows."""
    generator = np.random.default_rng(seed)
    minutes = np.nan_to_num(labels["minutes"]) + noise * generator.normal(size=ROWS)
    logits = -np.square(minutes[:, None] - np.array([-1.5, 0.0, 1.5]))
    band = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    late = 1 / (1 + np.exp(-3 * minutes))
    return {"late": late, "band": band, "minutes": minutes, "rare": late}


def test_unlabelled_rows_count_nowhere(small: Small, labels: dict[str, np.ndarray]) -> None:
    predictions = noisy(labels, 0.5)
    spoilt = {name: values.copy() for name, values in predictions.items()}
    for name, values in spoilt.items():
        values[np.isnan(labels["minutes"]) if name == "minutes" else labels[name] < 0] = 0.123
    found = [evaluate(small.tasks[:3], labels, p, resamples=0) for p in (predictions, spoilt)]
    assert str(found[0]) == str(found[1])


def test_a_task_without_labels_is_nan_and_nothing_else_suffers(small: Small, labels: dict[str, np.ndarray]) -> None:
    found = evaluate(small.tasks, labels, noisy(labels, 0.5), resamples=5)
    assert all(math.isnan(measured.value) and math.isnan(measured.low) for measured in found["rare"].values())
    assert all(math.isfinite(m.value) for task in ("late", "band", "minutes") for m in found[task].values())


def test_intervals_hold_the_value(small: Small, labels: dict[str, np.ndarray]) -> None:
    found = evaluate(small.tasks[:3], labels, noisy(labels, 0.5), resamples=100)
    for metrics in found.values():
        for measured in metrics.values():
            assert measured.low < measured.value < measured.high


def test_a_better_model_is_better_on_every_task_whatever_the_metrics_direction(
    small: Small, labels: dict[str, np.ndarray]
) -> None:
    good, bad = noisy(labels, 0.2), noisy(labels, 1.0)
    forward = compare(small.tasks[:3], labels, bad, good, resamples=50)
    backward = compare(small.tasks[:3], labels, good, bad, resamples=50)
    for there, back in zip(forward, backward, strict=True):
        assert there.low > 0
        assert there.low <= there.difference <= there.high
        assert back.difference == pytest.approx(-there.difference)
        assert (back.low, back.high) == pytest.approx((-there.high, -there.low))


def test_a_model_does_not_differ_from_itself(small: Small, labels: dict[str, np.ndarray]) -> None:
    same = noisy(labels, 0.5)
    for found in compare(small.tasks[:3], labels, same, same, resamples=20):
        assert (found.difference, found.low, found.high) == (0, 0, 0)


def test_pairing_makes_the_interval_of_a_small_difference_narrow(small: Small, labels: dict[str, np.ndarray]) -> None:
    base = noisy(labels, 0.5)
    shifted = base | {"minutes": base["minutes"] + 0.01}
    paired = compare(small.tasks[2:3], labels, base, shifted, resamples=100)[0]
    alone = evaluate(small.tasks[2:3], labels, base, resamples=100)["minutes"]["mae"]
    assert paired.high - paired.low < (alone.high - alone.low) / 5


def test_a_baseline_prediction_for_each_label(small: Small, labels: dict[str, np.ndarray]) -> None:
    found = baseline_predictions(small.tasks[:3], labels, {name: values[:7] for name, values in labels.items()})
    assert {name: values.shape for name, values in found.items()} == {"late": (7,), "band": (7, 3), "minutes": (7,)}
    assert found["late"][0] == pytest.approx((labels["late"] == 1).sum() / (labels["late"] >= 0).sum())


def test_labels_that_a_metric_cannot_take_are_refused(small: Small, labels: dict[str, np.ndarray]) -> None:
    minutes = small.tasks[2]
    counted = minutes.options.model_copy(update={"loss": "poisson"})
    task = counted.objective(minutes.codec.model_copy(update={"minimum": 0.0, "mean": 1.0}))
    with pytest.raises(DataError, match=r"task 'minutes': labels under loss: poisson must be 0 or more, found -"):
        evaluate([task], labels, noisy(labels, 0.5), resamples=0)
