"""Counts: the Poisson deviance as loss and metric, and rates that stay numbers."""

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


labels_drawn = st.lists(st.one_of(st.integers(0, 50).map(float), st.floats(0, 1e6, width=32)), min_size=1, max_size=8)


@given(labels=labels_drawn, seed=st.integers(0, 1_000), size=st.sampled_from([0.1, 1.0, 10.0]))
@patient
def test_the_gradient_is_that_of_the_negative_log_likelihood(labels: list[float], seed: int, size: float) -> None:
    fitted, column = counts(0, 1, 2, 9), torch.tensor(labels)
    logits = torch.randn(len(labels), 1, generator=torch.Generator().manual_seed(seed)) * size
    ours, theirs = logits.clone().requires_grad_(), logits[:, 0].double().requires_grad_()
    fitted.loss(ours, column).sum().backward()
    torch.nn.PoissonNLLLoss(log_input=True, reduction="sum")(theirs + np.log(3), column.double()).backward()
    assert ours.grad is not None
    torch.testing.assert_close(ours.grad[:, 0].double(), theirs.grad, rtol=1e-4, atol=1e-4)


@given(labels=labels_drawn, seed=st.integers(0, 1_000))
@patient
def test_the_loss_is_half_of_scikit_learns_deviance(labels: list[float], seed: int) -> None:
    fitted, column = counts(0, 0, 0, 1e6), torch.tensor(labels)
    logits = torch.randn(len(labels), 1, generator=torch.Generator().manual_seed(seed)) - 6
    losses, rates = fitted.loss(logits, column), fitted.inverse_link(logits)
    assert (losses >= 0).all()
    peer = mean_poisson_deviance(np.asarray(labels), rates.double())
    assert 2 * losses.double().mean().item() == pytest.approx(peer, rel=1e-4, abs=1e-6)
    assert POISSON_DEVIANCE(column.numpy(), rates.numpy()) == pytest.approx(peer, rel=1e-5, abs=1e-9)


@given(count=st.floats(1e-3, 1e30), apart=st.floats(-1e-6, 1e-6))
@patient
def test_rounding_makes_no_loss_negative(count: float, apart: float) -> None:
    log = torch.tensor([count]).log()
    assert half_deviance(log + apart, log) >= 0
    assert half_deviance(log, log) == 0


@pytest.mark.parametrize("apart", [1e-2, 1e-4, 1e-6, 1e-8, 1e-10, -1e-10, -1e-6, -1e-2])
def test_close_to_the_count_the_loss_is_half_a_square(apart: float) -> None:
    """A difference of nearly equal numbers would be nothing but rounding here."""
    found = half_deviance(torch.tensor([apart], dtype=torch.float64), torch.zeros(1, dtype=torch.float64))
    assert found.item() == pytest.approx(apart**2 / 2, rel=1e-2, abs=0)


def test_a_logit_of_zero_says_the_mean_of_training() -> None:
    fitted = counts(0, 0, 1, 7)
    assert fitted.inverse_link(torch.zeros(1, 1)).item() == pytest.approx(2)
    np.testing.assert_allclose(fitted.to_logits(np.array([2.0, 2 * np.e])), [[0], [1]], atol=1e-6)


@pytest.mark.parametrize("logit", [-1e10, -1e4, -200.0, 200.0, 1e4, 1e10])
@pytest.mark.parametrize("label", [0.0, 1.0, 1e-30, 1e25])
def test_far_beyond_any_rate_all_is_finite_and_points_back(logit: float, label: float) -> None:
    fitted = counts(0, 1, 2)
    logits = torch.full((1, 1), logit, requires_grad=True)
    rate, loss = fitted.inverse_link(logits), fitted.loss(logits, torch.tensor([label]))
    assert rate.isfinite().all()
    assert (rate > 0).all()
    assert loss.isfinite().all()
    assert (loss >= 0).all()
    (slope,) = torch.autograd.grad(loss.sum(), logits)
    assert slope.isfinite().all()
    if logit > 0:
        assert slope > 0, "above any count, the way is down"
    elif label >= 1:
        assert slope < 0


def test_zero_is_likeliest_where_the_rate_is_least() -> None:
    fitted = counts(0, 1)
    losses = [fitted.loss(torch.full((1, 1), logit), torch.zeros(1)).item() for logit in (2.0, 0.0, -5.0, -30.0)]
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
def test_the_deviance_of_what_is_no_rate_is_undefined(
    labels: list[float], predictions: list[float], deviance: float
) -> None:
    found = POISSON_DEVIANCE(np.array(labels, dtype=np.float32), np.array(predictions, dtype=np.float32))
    np.testing.assert_allclose(found, deviance, rtol=1e-6)


def test_only_counts_have_a_deviance() -> None:
    assert [metric.name for metric in DECLARED.metrics] == ["poisson_deviance", "rmse", "mae", "r2"]
    for loss, own in (("squared", "rmse"), ("absolute", "mae"), ("huber", "mae")):
        names = [metric.name for metric in task("regression", loss=loss).metrics]
        assert names[0] == own
        assert sorted(names) == ["mae", "r2", "rmse"]


def test_a_negative_label_is_refused_in_the_training_split_and_in_others() -> None:
    for column in (pa.array([0.0, -3.0]), pa.array([0, -3])):
        with pytest.raises(DataError, match=r"task 't': .*0 or more, found -3 in 'y'; .*another loss"):
            fit_objective(DECLARED, column)
        with pytest.raises(DataError, match=r"task 't': .*0 or more, found -3 in 'y'; .*another loss"):
            counts(0, 1).check(counts(0, 1).codec.encode(column))
    counts(0, 1).check(np.array([0, 2.5, np.nan, -0.0], dtype=np.float32))
    np.testing.assert_array_equal(
        counts(0, 1).codec.encode(pa.array([0.5, None, -0.0, np.inf, -np.inf])),
        np.array([0.5, np.nan, 0, np.nan, np.nan], dtype=np.float32),
    )


def test_counts_without_a_one_are_refused() -> None:
    with pytest.raises(DataError, match="needs a target that varies"):
        counts(0, 0, 0)
