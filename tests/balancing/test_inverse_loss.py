"""Weights of the inverse loss over several steps."""

import pytest
import torch

from mtl_core.config.balancing import InverseLoss
from tests.balancing.toy import built, shared_gradient

EYE = torch.eye(2)


def test_a_weight_is_the_inverse_of_the_running_mean() -> None:
    """Losses of 2 and 1, then of 4 and 1: the running mean of the first is 2.1."""
    balancer = built("inverse_loss", ("a", "b"))
    shared_gradient(balancer, EYE, torch.tensor([2.0, 1.0]))
    weights = shared_gradient(balancer, EYE, torch.tensor([4.0, 1.0]))
    assert (weights[1] / weights[0]).item() == pytest.approx((2.1 + 0.003) / (1 + 0.003), rel=1e-4)
    assert weights.sum().item() == pytest.approx(1.0)


def test_the_declared_weight_of_a_task_stays_in_effect() -> None:
    balancer = InverseLoss().build_weighted({"a": 3.0, "b": 1.0})
    weights = shared_gradient(balancer, EYE, torch.tensor([3.0, 1.0]))  # both are 1 without the declared weight
    torch.testing.assert_close(weights, torch.tensor([0.5, 0.5]))


def test_a_loss_of_0_does_not_get_all_of_the_weight() -> None:
    weights = shared_gradient(built("inverse_loss", ("a", "b")), EYE, torch.tensor([0.0, 1.0]))
    assert torch.isfinite(weights).all()
    assert weights[1] > 0.002
