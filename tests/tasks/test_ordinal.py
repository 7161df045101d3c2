"""Ordinal tasks: rising thresholds, probabilities without cancellation, metrics of ordered classes."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from mtl_core.metrics.ordinal import RANKED_PROBABILITY_SCORE, WeightedKappa
from mtl_core.nn.ordinal import MIN_DISTANCE, OrdinalThresholds
from tests.strategies import patient
from tests.tasks.declared import fit_objective, task


def ordinal(classes: int, **options: Any) -> Any:
    names = [f"c{index}" for index in range(classes)]
    return fit_objective(task("ordinal", classes=names, **options), pa.array(names))


def sigmoid_differences(logits: Tensor) -> Tensor:
    """Probabilities by definition, in float64."""
    above = torch.cat([torch.ones(len(logits), 1), logits.double().sigmoid(), torch.zeros(len(logits), 1)], dim=1)
    return -above.diff(dim=1)


@pytest.mark.parametrize("classes", [2, 3, 7])
@given(data=st.data())
@patient
def test_probabilities_and_losses_equal_their_definition(classes: int, data: st.DataObject) -> None:
    eta = data.draw(st.floats(-12, 12))
    steps = data.draw(st.lists(st.floats(0.01, 6), min_size=classes - 2, max_size=classes - 2))
    logits = torch.tensor([[eta - theta for theta in np.cumsum([-2.0, *steps])]])
    expected, objective = sigmoid_differences(logits), ordinal(classes)
    torch.testing.assert_close(objective.inverse_link(logits).double(), expected, rtol=1e-3, atol=1e-6)
    losses = [objective.loss(logits, torch.tensor([label])).item() for label in range(classes)]
    np.testing.assert_allclose(losses, -expected[0].log(), rtol=1e-3, atol=1e-5)


def test_a_class_far_from_the_score_has_an_exact_loss_and_gradient() -> None:
    """The difference of sigmoids is 0 there, even in float64."""
    for eta in (80.0, -80.0):
        logits = (torch.tensor([[1.0, 0.5, -1.0]]) + eta).repeat(4, 1).requires_grad_()
        losses = ordinal(4).loss(logits, torch.arange(4))
        gradients = torch.autograd.grad(losses.sum(), logits)[0].sum(dim=1)
        a, b, c = (value + abs(eta) for value in ((1.0, 0.5, -1.0) if eta > 0 else (1.0, -0.5, -1.0)))
        # log(sigmoid(a) - sigmoid(b)) is -b + log(1 - exp(b - a)) where both sigmoids are rounded to 1
        expected = [a, b - np.log(-np.expm1(b - a)), c - np.log(-np.expm1(c - b)), 0]
        np.testing.assert_allclose(losses.tolist(), expected if eta > 0 else expected[::-1], rtol=1e-5, atol=1e-12)
        np.testing.assert_allclose(gradients, [1, 1, 1, 0] if eta > 0 else [0, -1, -1, -1], atol=1e-5)


def test_losses_of_equal_logits_are_finite() -> None:
    """A teacher may predict equal logits."""
    logits = torch.zeros(3, 2, requires_grad=True)
    losses = ordinal(3).loss(logits, torch.arange(3))
    assert losses.isfinite().all()
    assert losses[1] > 15
    assert torch.autograd.grad(losses.sum(), logits)[0].isfinite().all()


def test_two_classes_equal_a_binary_task() -> None:
    logits, labels = torch.tensor([[-3.0], [0.2], [50.0]]), torch.tensor([1, 0, 1])
    binary = fit_objective(task("binary"), pa.array([0, 1]))
    torch.testing.assert_close(ordinal(2).loss(logits, labels), binary.loss(logits, labels))
    torch.testing.assert_close(ordinal(2).inverse_link(logits)[:, 1], binary.inverse_link(logits))


def equal_shares(classes: int) -> np.ndarray:
    """Cumulative shares of classes of the same frequency, as `OrdinalThresholds` takes them."""
    return np.arange(1, classes) / classes


@pytest.mark.parametrize("classes", [2, 3, 10, 200])
def test_the_initial_layer_predicts_equally_frequent_classes_as_such(classes: int) -> None:
    objective = ordinal(classes)
    layer = objective.head_layer(5)
    logits = layer(torch.zeros(2, 5))
    assert logits.shape == (2, classes - 1)
    torch.testing.assert_close(
        objective.inverse_link(logits), torch.full((2, classes), 1 / classes), rtol=1e-3, atol=1e-6
    )
    assert layer(torch.zeros(2, 7, 5)).shape == (2, 7, classes - 1)


@given(first=st.floats(-80, 80), steps=st.lists(st.floats(-1e3, 20), max_size=5), eta=st.floats(-80, 80))
@patient
def test_thresholds_rise_strictly_for_all_parameters(first: float, steps: list[float], eta: float) -> None:
    layer = OrdinalThresholds(1, equal_shares(2 + len(steps)))
    layer.free.data = torch.tensor([first, *steps])
    layer.score.weight.data.fill_(1.0)
    logits = layer(torch.tensor([[eta]]))
    assert (logits.diff(dim=1) <= -MIN_DISTANCE / 2).all()
    assert ordinal(2 + len(steps)).inverse_link(logits).isfinite().all()


def test_every_parameter_has_a_gradient() -> None:
    layer, objective = OrdinalThresholds(3, equal_shares(5)), ordinal(5)
    losses = objective.loss(layer(torch.randn(20, 3, generator=torch.Generator().manual_seed(0))), torch.arange(20) % 5)
    losses.mean().backward()
    for parameter in layer.parameters():
        assert parameter.grad is not None
        assert parameter.grad.isfinite().all()
        assert parameter.grad.abs().min() > 0


def test_training_recovers_the_thresholds_of_generated_labels() -> None:
    """Labels of a proportional odds model: the maximum of the likelihood is near its parameters."""
    generator = torch.Generator().manual_seed(1)
    x, theta = torch.randn(20_000, 1, generator=generator), torch.tensor([-1.0, 0.5, 2.0])
    noise = torch.rand(20_000, 1, generator=generator).logit()
    labels = (1.5 * x + noise > theta).sum(dim=1)
    layer, objective = OrdinalThresholds(1, equal_shares(4)), ordinal(4)
    optimizer = torch.optim.LBFGS(layer.parameters(), max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        mean = objective.loss(layer(x), labels).mean()
        mean.backward()
        return mean

    optimizer.step(loss)
    torch.testing.assert_close(-layer(torch.zeros(1, 1))[0].detach(), theta, rtol=0, atol=0.08)
    assert layer.score.weight.item() == pytest.approx(1.5, abs=0.08)


@given(seed=st.integers(0, 1_000))
@patient
def test_to_logits_inverts_the_inverse_link_for_sharp_probabilities(seed: int) -> None:
    probabilities = np.random.default_rng(seed).dirichlet(np.full(6, 0.3), 8)
    objective = ordinal(6)
    logits = objective.to_logits(probabilities)
    assert (np.diff(logits, axis=1) < 0).all()
    np.testing.assert_allclose(objective.inverse_link(torch.from_numpy(logits)).numpy(), probabilities, atol=1e-5)


def test_distillation_is_the_cross_entropy_of_distributions() -> None:
    objective = ordinal(3)
    student, teacher = torch.tensor([[1.0, -1.0]]), torch.tensor([[0.3, -2.0]])
    expected = -(sigmoid_differences(teacher) * sigmoid_differences(student).log()).sum()
    assert objective.distillation(student, teacher).item() == pytest.approx(expected.item(), rel=1e-5)


def test_golden_metrics() -> None:
    """Computed by hand. The third row is a certain error of two steps."""
    labels = np.array([0, 1, 2], dtype=np.int16)
    probabilities = np.array([[0.8, 0.2, 0.0], [0.3, 0.6, 0.1], [1.0, 0.0, 0.0]], dtype=np.float32)
    values = {metric.name: metric(labels, probabilities) for metric in task("ordinal", classes=["a", "b", "c"]).metrics}
    assert values == pytest.approx(
        {
            "ranked_probability_score": (0.04 / 2 + (0.09 + 0.01) / 2 + 1) / 3,
            "log_loss": (-np.log(0.8) - np.log(0.6) - np.log(np.finfo(np.float32).eps)) / 3,
            "accuracy": 2 / 3,
            "mae": 2 / 3,
            "weighted_kappa": 1 - (4 / 3) / (2 / 3 + 2 / 9 + (1 - 1 / 3) ** 2),
            "ece": (0.8 + 0.6 + 1) / 3 - 2 / 3,
        }
    )


def test_the_ranked_probability_score_rises_with_the_distance() -> None:
    label, certain = np.array([0], dtype=np.int16), np.eye(3, dtype=np.float32)
    assert [RANKED_PROBABILITY_SCORE(label, certain[[predicted]]) for predicted in range(3)] == [0.0, 0.5, 1.0]


@pytest.mark.parametrize(
    ("labels", "predicted", "kappa"),
    [([1, 1], [1, 1], np.nan), ([1, 1], [2, 2], 0.0), ([0, 1], [1, 1], 0.0), ([0, 2], [2, 0], -1.0)],
)
def test_kappa_at_its_limits(labels: list[int], predicted: list[int], kappa: float) -> None:
    classes, predictions = np.array(labels, dtype=np.int16), np.eye(3, dtype=np.float32)[predicted]
    np.testing.assert_allclose(WeightedKappa()(classes, predictions), kappa, atol=1e-12)
    padded = np.concatenate([classes, [0]]), np.concatenate([predictions, np.eye(3, dtype=np.float32)[[2]]])
    np.testing.assert_allclose(WeightedKappa().weighted(*padded)(np.array([0.1, 0.1, 0.0])), kappa, atol=1e-12)
