"""The aggregations that remember: what they keep per task, and what those keep who take no part."""

import pytest
import torch
import torchjd.aggregation

from tests.balancing.toy import built, shared_gradient


def test_gradvac_goes_the_way_of_torchjds_and_keeps_averages_of_pairs() -> None:
    generator = torch.Generator().manual_seed(0)
    steps = torch.randn(6, 3, 5, generator=generator)
    ours, theirs = built("gradvac", beta=0.3), torchjd.aggregation.GradVac(beta=0.3)
    for rows in steps:
        torch.manual_seed(1)
        expected = theirs(rows)
        torch.manual_seed(1)
        torch.testing.assert_close(shared_gradient(ours, rows), expected, rtol=1e-4, atol=1e-5)
    averages = ours.state_dict()["averages"].clone()
    shared_gradient(ours, steps[0, :2], positions=(0, 2))
    moved = ours.state_dict()["averages"] != averages
    assert moved.tolist() == [[False, False, True], [False, False, False], [True, False, False]]


def test_gradvac_turns_gradients_that_used_to_agree_more() -> None:
    """Once they pointed the same way; now they are orthogonal, which `pcgrad` leaves alone."""
    balancer = built("gradvac", beta=0.5)
    shared_gradient(balancer, torch.tensor([[1.0, 0.0], [1.0, 0.0]]), positions=(0, 1))
    turned = shared_gradient(balancer, torch.eye(2), positions=(0, 1))
    assert (turned > 1.5).all()


def test_excess_mtl_goes_the_way_of_torchjds_after_a_warm_up() -> None:
    generator = torch.Generator().manual_seed(0)
    steps = torch.randn(8, 3, 5, generator=generator) * torch.tensor([[1.0], [0.2], [3.0]])
    ours, theirs = built("excess_mtl", step_size=0.7, warm_up=2), torchjd.aggregation.ExcessMTL(0.7, n_warmup_steps=4)
    for number, rows in enumerate(steps):
        torch.testing.assert_close(shared_gradient(ours, rows), theirs(rows))
        if number % 2:  # epochs of two steps
            ours.after_epoch({})
    weights = ours.state_dict()["log_weights"].exp()
    torch.testing.assert_close(weights.sum(), torch.tensor(1.0))
    assert weights.max() > 0.4

    before = weights.clone()
    shared_gradient(ours, steps[0, :2], positions=(0, 2))
    after = ours.state_dict()["log_weights"].exp()
    assert after[1] == before[1]
    assert after[0] != before[0]
    torch.testing.assert_close(after.sum(), torch.tensor(1.0))


def test_excess_mtl_measures_a_latecomer_by_its_own_first_risk() -> None:
    """Twice the gradient of the others all along, but first seen late: its scaled risk starts at 1, as theirs did."""
    balancer = built("excess_mtl", step_size=1.0, warm_up=0)
    row = torch.tensor([1.0, 2.0])
    shared_gradient(balancer, torch.stack([row, row]), positions=(0, 1))
    even = balancer.state_dict()["log_weights"].exp()
    torch.testing.assert_close(even, torch.full((3,), 1 / 3))
    shared_gradient(balancer, torch.stack([row, 2 * row]), positions=(0, 2))
    weights = balancer.state_dict()["log_weights"].exp()
    assert weights[1] == even[1]
    assert weights[2] / weights[0] == pytest.approx(2.718281828 ** (1 - 2**-0.5), rel=1e-4)
