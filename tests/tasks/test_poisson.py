"""Counts: the Poisson deviance as loss and metric, and finite rates."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import mean_poisson_deviance

from mtl_core.errors import DataError
from mtl_core.nn.poisson import half_deviance
from tests.strategies import patient
from tests.tasks.declared import fit_objective, task

DECLARED = task("regression", loss="poisson")
POISSON_DEVIANCE = DECLARED.metric_named("poisson_deviance")


def counts(*values: float) -> Any:
    return fit_objective(DECLARED, pa.array(values))


label_lists = st.lists(st.one_of(st.integers(0, 50).map(float), st.floats(0, 1e6, width=32)), min_size=1, max_size=8)


@given(labels=label_lists, seed=st.integers(0, 1_000), size=st.sampled_from([0.1, 1.0, 10.0]))
@patient
def test_the_gradient_equals_that_of_the_negative_log_likelihood(labels: list[float], seed: int, size: float) -> None:
    objective, column = counts(0, 1, 2, 9), torch.tensor(labels)
    logits = torch.randn(len(labels), 1, generator=torch.Generator().manual_seed(seed)) * size
    logits.requires_grad_()
    (gradient,) = torch.autograd.grad(objective.loss(logits, column).sum(), logits)
    exact = logits[:, 0].detach().double().requires_grad_()
    likelihood = torch.nn.PoissonNLLLoss(log_input=True, reduction="sum")(exact + np.log(3), column.double())
    (expected,) = torch.autograd.grad(likelihood, exact)
    torch.testing.assert_close(gradient[:, 0].double(), expected, rtol=1e-4, atol=1e-4)


@given(labels=label_lists, seed=st.integers(0, 1_000))
@patient
def test_the_loss_is_half_of_scikit_learns_deviance(labels: list[float], seed: int) -> None:
    objective, column = counts(0, 0, 0, 1e6), torch.tensor(labels)
    logits = torch.randn(len(labels), 1, generator=torch.Generator().manual_seed(seed)) - 6
    losses, rates = objective.loss(logits, column), objective.inverse_link(logits)
    assert (losses >= 0).all()
    peer = mean_poisson_deviance(np.asarray(labels), rates.double())
    assert 2 * losses.double().mean().item() == pytest.approx(peer, rel=1e-4, abs=1e-6)
    assert POISSON_DEVIANCE(column.numpy(), rates.numpy()) == pytest.approx(peer, rel=1e-5, abs=1e-9)


@given(count=st.floats(1e-3, 1e30), difference=st.floats(-1e-6, 1e-6))
@patient
def test_rounding_makes_no_loss_negative(count: float, difference: float) -> None:
    log = torch.tensor([count]).log()
    assert half_deviance(log + difference, log) >= 0
    assert half_deviance(log, log) == 0


@pytest.mark.parametrize("difference", [1e-2, 1e-4, 1e-6, 1e-8, 1e-10, -1e-10, -1e-6, -1e-2])
def test_close_to_the_count_the_loss_is_half_the_squared_difference(difference: float) -> None:
    """The difference of nearly equal numbers would consist of rounding errors here."""
    loss = half_deviance(torch.tensor([difference], dtype=torch.float64), torch.zeros(1, dtype=torch.float64))
    assert loss.item() == pytest.approx(difference**2 / 2, rel=1e-2, abs=0)


def test_a_logit_of_0_predicts_the_training_mean() -> None:
    objective = counts(0, 0, 1, 7)
    assert objective.inverse_link(torch.zeros(1, 1)).item() == pytest.approx(2)
    np.testing.assert_allclose(objective.to_logits(np.array([2.0, 2 * np.e])), [[0], [1]], atol=1e-6)


@pytest.mark.parametrize("logit", [-1e10, -1e4, -200.0, 200.0, 1e4, 1e10])
@pytest.mark.parametrize("label", [0.0, 1.0, 1e-30, 1e25])
def test_extreme_logits_have_finite_rates_losses_and_gradients(logit: float, label: float) -> None:
    objective = counts(0, 1, 2)
    logits = torch.full((1, 1), logit, requires_grad=True)
    rate, loss = objective.inverse_link(logits), objective.loss(logits, torch.tensor([label]))
    assert 0 < rate.item() < np.inf
    assert 0 <= loss.item() < np.inf
    (gradient,) = torch.autograd.grad(loss.sum(), logits)
    assert gradient.isfinite().all()
    if logit > 0:
        assert gradient > 0
    elif label >= 1:
        assert gradient < 0


def test_the_loss_of_a_count_of_0_falls_with_the_rate() -> None:
    objective = counts(0, 1)
    losses = [objective.loss(torch.full((1, 1), logit), torch.zeros(1)).item() for logit in (2.0, 0.0, -5.0, -30.0)]
    np.testing.assert_allclose(losses, [0.5 * np.e**2, 0.5, 0.5 * np.e**-5, 0.5 * np.e**-30], rtol=1e-5)


@pytest.mark.parametrize(
    ("labels", "predictions", "deviance"),
    [
        ([0.0, 2.0], [1.0, 2.0], 1.0),
        ([0.0, 2.0], [0.0, 2.0], np.nan),
        ([1.0, 2.0], [-1.0, 2.0], np.nan),
        ([1.0], [np.e], 2 * (np.e - 2)),
    ],
)
def test_the_deviance_of_a_rate_that_is_not_above_0_is_undefined(
    labels: list[float], predictions: list[float], deviance: float
) -> None:
    value = POISSON_DEVIANCE(np.array(labels, dtype=np.float32), np.array(predictions, dtype=np.float32))
    np.testing.assert_allclose(value, deviance, rtol=1e-6)


def test_only_the_poisson_loss_has_the_deviance_as_metric() -> None:
    assert [metric.name for metric in DECLARED.metrics] == ["poisson_deviance", "rmse", "mae", "r2"]
    for loss, first in (("squared", "rmse"), ("absolute", "mae"), ("huber", "mae")):
        names = [metric.name for metric in task("regression", loss=loss).metrics]
        assert names[0] == first
        assert sorted(names) == ["mae", "r2", "rmse"]


def test_a_negative_label_is_refused_in_every_split() -> None:
    match = r"task 't': .*0 or more, found -3 in 'y'; .*another loss"
    with pytest.raises(DataError, match=match):
        counts(0, -3)
    with pytest.raises(DataError, match=match):
        counts(0, 1).check(counts(0, 1).codec.encode(pa.array([0, -3])))
    counts(0, 1).check(np.array([0, 2.5, np.nan, -0.0], dtype=np.float32))
