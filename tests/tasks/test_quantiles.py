"""Quantile tasks: quantiles that do not cross, the pinball loss, and metrics of the interval."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import mean_pinball_loss

from mtl_core.nn.monotone import inverse_monotone, monotone
from tests.strategies import patient
from tests.tasks.declared import fit_objective, task

MANY = [round(0.01 * level, 2) for level in range(1, 100)]


def quantiles(*levels: float) -> Any:
    """The objective for a target with mean 100 and deviation 10."""
    return fit_objective(task("quantiles", **({"levels": levels} if levels else {})), pa.array([90.0, 110.0]))


@pytest.mark.parametrize("levels", [(0.5,), (0.25, 0.75), MANY], ids=len)
@given(seed=st.integers(0, 1_000), size=st.sampled_from([0.1, 1.0, 10.0, 80.0]))
@patient
def test_quantiles_do_not_cross(levels: list[float], seed: int, size: float) -> None:
    logits = torch.randn(16, len(levels), generator=torch.Generator().manual_seed(seed)) * size
    predictions = quantiles(*levels).inverse_link(logits)
    assert predictions.shape == (16, len(levels))
    assert (predictions.diff(dim=1) >= 0).all()


@pytest.mark.parametrize("levels", [(0.3,), (0.1, 0.5, 0.9), MANY[::11]], ids=len)
@given(seed=st.integers(0, 1_000))
@patient
def test_the_loss_is_the_pinball_loss_in_deviations(levels: list[float], seed: int) -> None:
    objective, random = quantiles(*levels), np.random.default_rng(seed)
    labels = torch.from_numpy(random.normal(100, 10, 8).astype(np.float32))
    logits = torch.from_numpy(random.normal(0, 2, (8, len(levels))).astype(np.float32))
    predicted = objective.inverse_link(logits).numpy()
    expected = [
        mean_pinball_loss(labels, column, alpha=level) for column, level in zip(predicted.T, levels, strict=True)
    ]
    assert objective.loss(logits, labels).mean().item() == pytest.approx(np.mean(expected) / 10, rel=1e-4)


def test_training_recovers_the_quantiles_of_a_sample() -> None:
    values = np.random.default_rng(0).exponential(7, 2_001).astype(np.float32)
    objective = fit_objective(task("quantiles"), pa.array(values))
    logits = torch.zeros(1, 3, requires_grad=True)
    optimizer = torch.optim.Adam([logits], lr=0.05)
    for _ in range(300):
        optimizer.zero_grad()
        objective.loss(logits.expand(len(values), 3), torch.from_numpy(values)).mean().backward()
        optimizer.step()
    expected = np.quantile(values, [0.1, 0.5, 0.9])
    np.testing.assert_allclose(objective.inverse_link(logits.detach())[0], expected, rtol=0.05)
    np.testing.assert_allclose(objective.baseline(values), expected, rtol=1e-2)


@given(values=st.lists(st.floats(-50, 50), min_size=1, max_size=9))
@patient
def test_inverse_monotone_inverts_monotone(values: list[float]) -> None:
    rising = np.cumsum([values[0], *np.abs(values[1:])])
    np.testing.assert_allclose(monotone(torch.from_numpy(inverse_monotone(rising))), rising, atol=1e-5)
    free = torch.tensor([values[0], *(max(value, -10) for value in values[1:])], dtype=torch.float64)
    np.testing.assert_allclose(inverse_monotone(monotone(free).numpy()), free, atol=1e-5)


def test_to_logits_sorts_crossing_quantiles() -> None:
    logits = quantiles().to_logits(np.array([[120.0, 90.0, 100.0], [80.0, 80.0, 80.0]]))
    predictions = quantiles().inverse_link(torch.from_numpy(logits))
    np.testing.assert_allclose(predictions, [[90, 100, 120], [80, 80, 80]], atol=1e-4)


def test_distillation_is_the_distance_of_the_quantiles() -> None:
    objective = quantiles()
    student, teacher = (
        torch.from_numpy(objective.to_logits(np.array([row]))) for row in ([95.0, 100.0, 105.0], [90.0, 102.0, 125.0])
    )
    assert objective.distillation(student, teacher).item() == pytest.approx((0.5 + 0.2 + 2) / 3, rel=1e-5)


def test_golden_metrics() -> None:
    """Computed by hand: inside the interval, below it, above it, at its end."""
    labels = np.array([10.0, -1.0, 30.0, 0.0], dtype=np.float32)
    predictions = np.tile(np.array([0.0, 8.0, 20.0], dtype=np.float32), (4, 1))
    values = {metric.name: metric(labels, predictions) for metric in task("quantiles").metrics}
    assert values == pytest.approx(
        {
            "pinball": np.mean([1 + 1 + 1, 0.9 + 4.5 + 2.1, 3 + 11 + 9, 0 + 4 + 2]) / 3,
            "interval_score": np.mean([20, 20 + 10, 20 + 100, 20]),
            "coverage_error": 0.8 - 0.5,
            "mae": np.mean([2, 9, 22, 8]),
        },
        rel=1e-6,
    )


@given(seed=st.integers(0, 1_000))
@patient
def test_the_interval_score_is_the_pinball_loss_of_its_two_ends(seed: int) -> None:
    """Asymmetric levels: the pinball loss of each end over the probability beyond it; for 0.1 and 0.9 equation 43."""
    random = np.random.default_rng(seed)
    labels, ends = random.normal(0, 3, 30), np.sort(random.normal(0, 3, (30, 2)), axis=1)
    low, high = np.sort(random.uniform(0.01, 0.99, 2))
    metric = task("quantiles", levels=[low, high]).metric_named("interval_score")
    expected = mean_pinball_loss(labels, ends[:, 0], alpha=low) / low
    expected += mean_pinball_loss(labels, ends[:, 1], alpha=high) / (1 - high)
    assert metric(labels, ends) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("levels", "names", "nearest"),
    [
        ([0.5], ["pinball", "mae"], 0),
        ([0.9], ["pinball", "mae"], 0),
        ([0.2, 0.8], ["pinball", "interval_score", "coverage_error", "mae"], 0),
        ([0.1, 0.2, 0.6], ["pinball", "interval_score", "coverage_error", "mae"], 2),
    ],
)
def test_metrics_depend_on_the_levels(levels: list[float], names: list[str], nearest: int) -> None:
    metrics = task("quantiles", levels=levels).metrics
    assert [metric.name for metric in metrics] == names
    predictions = np.arange(len(levels), dtype=np.float32)[None]
    assert metrics[-1](np.zeros(1, dtype=np.float32), predictions) == nearest
