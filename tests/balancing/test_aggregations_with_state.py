"""Aggregations with state, compared with torchjd where all tasks take part."""

import pytest
import torch
import torchjd.aggregation

from tests.balancing.toy import built, shared_gradient


def test_gradvac_equals_that_of_torchjd() -> None:
    generator = torch.Generator().manual_seed(0)
    steps = torch.randn(6, 3, 5, generator=generator)
    balancer, reference = built("gradvac", beta=0.3), torchjd.aggregation.GradVac(beta=0.3)
    for rows in steps:
        torch.manual_seed(1)
        expected = reference(rows)
        torch.manual_seed(1)
        torch.testing.assert_close(shared_gradient(balancer, rows), expected, rtol=1e-4, atol=1e-5)


def test_gradvac_turns_gradients_towards_their_earlier_cosine() -> None:
    """They were parallel and are orthogonal now; `pcgrad` would not change them."""
    balancer = built("gradvac", beta=0.5)
    shared_gradient(balancer, torch.tensor([[1.0, 0.0], [1.0, 0.0]]), positions=(0, 1))
    direction = shared_gradient(balancer, torch.eye(2), positions=(0, 1))
    assert (direction > 1.5).all()


def test_excess_mtl_equals_that_of_torchjd_and_keeps_the_sum_of_its_weights() -> None:
    generator = torch.Generator().manual_seed(0)
    steps = torch.randn(8, 3, 5, generator=generator) * torch.tensor([[1.0], [0.2], [3.0]])
    balancer = built("excess_mtl", step_size=0.7, warm_up=2)
    reference = torchjd.aggregation.ExcessMTL(0.7, n_warmup_steps=4)
    for step, rows in enumerate(steps):
        torch.testing.assert_close(shared_gradient(balancer, rows), reference(rows))
        if step % 2:  # epochs of two steps
            balancer.after_epoch({})
    assert balancer.state_dict()["log_weights"].exp().max() > 0.4
    shared_gradient(balancer, steps[0, :2], positions=(0, 2))
    torch.testing.assert_close(balancer.state_dict()["log_weights"].exp().sum(), torch.tensor(1.0))


def test_excess_mtl_scales_the_risk_of_a_task_that_starts_late_by_its_first_risk() -> None:
    """Its gradient is twice that of the others, but its scaled risk starts at 1, as theirs did."""
    balancer = built("excess_mtl", step_size=1.0, warm_up=0)
    row = torch.tensor([1.0, 2.0])
    shared_gradient(balancer, torch.stack([row, row]), positions=(0, 1))
    initial = balancer.state_dict()["log_weights"].exp()
    torch.testing.assert_close(initial, torch.full((3,), 1 / 3))
    shared_gradient(balancer, torch.stack([row, 2 * row]), positions=(0, 2))
    weights = balancer.state_dict()["log_weights"].exp()
    assert weights[1] == initial[1]
    assert weights[2] / weights[0] == pytest.approx(2.718281828 ** (1 - 2**-0.5), rel=1e-4)
