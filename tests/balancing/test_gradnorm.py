"""GradNorm against equations 1 and 2 and algorithm 1 of the paper, with autograd as the judge."""

import pytest
import torch
from torch import Tensor, nn

from mtl_core.balancing import Shared
from mtl_core.balancing.gradnorm import MIN_WEIGHT, weights_gradient
from tests.balancing.toy import Bench, Toy, built, declared, shared_gradient

FIRST = torch.tensor([0.7, 1.9, 0.4])
WEIGHTS = torch.tensor([0.5, 1.5, 1.0])


def toy_losses(network: Toy) -> Tensor:
    torch.manual_seed(3)
    x, y = torch.randn(16, 4), torch.randn(16, 3)
    return torch.stack([(out - y[:, task]).square().mean() for task, out in enumerate(network(x))])


@pytest.mark.parametrize("alpha", [0.0, 0.12, 1.5])
def test_the_gradient_on_the_weights_is_that_of_equation_2(alpha: float) -> None:
    torch.manual_seed(0)
    network = Toy()
    losses, last = toy_losses(network), network.shared().last
    weights = WEIGHTS.clone().requires_grad_()
    gradients = [torch.autograd.grad(loss, last, create_graph=True)[0] for loss in weights * losses]
    lengths = torch.stack([gradient.norm() for gradient in gradients])  # equation 1
    progress = losses.detach() / FIRST
    target = lengths.mean() * (progress / progress.mean()) ** alpha
    (expected,) = torch.autograd.grad((lengths - target.detach()).abs().sum(), weights)  # equation 2

    norms = torch.stack([torch.autograd.grad(loss, last, retain_graph=True)[0].norm() for loss in losses])
    found = weights_gradient(WEIGHTS, norms, losses.detach(), FIRST, alpha)
    torch.testing.assert_close(found, expected)
    assert expected.ne(0).all()


def test_a_step_is_algorithm_1() -> None:
    """The network sees the weights of before; then Adam moves them, by a full step at first, and they sum to T."""
    torch.manual_seed(0)
    network, balancer = Toy(), declared("gradnorm", alpha=1.0, learning_rate=0.1).build(("a", "b", "c"))
    losses = toy_losses(network)
    last = network.shared().last
    norms = torch.stack([torch.autograd.grad(loss, last, retain_graph=True)[0].norm() for loss in losses])
    plain = torch.autograd.grad(losses.sum(), [*network.parameters()], retain_graph=True)
    balancer.backward(dict(enumerate(losses)), network.shared())
    for parameter, gradient in zip(network.parameters(), plain, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)

    moved = 1 - 0.1 * torch.sign(norms - norms.mean())  # every rate is 1 in the first step
    expected = 3 * moved / moved.sum()
    torch.testing.assert_close(balancer.state_dict()["weights.values"], expected)
    torch.testing.assert_close(balancer.state_dict()["first"], losses.detach())

    network.zero_grad()
    losses = toy_losses(network)
    weighted = torch.autograd.grad((expected * losses).sum(), [*network.parameters()], retain_graph=True)
    balancer.backward(dict(enumerate(losses)), network.shared())
    for parameter, gradient in zip(network.parameters(), weighted, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)


@pytest.mark.parametrize("scale", [1.0, 10.0])
def test_weights_even_out_the_lengths_of_the_gradients(scale: float) -> None:
    """With alpha 0, whatever the scale of a loss."""
    balancer = declared("gradnorm", alpha=0.0, learning_rate=0.005).build(("a", "b", "c"))
    rows = torch.diag(torch.tensor([1.0, 2.0, 3.0]) * torch.tensor([1.0, scale, 1.0]))
    lengths = torch.stack([shared_gradient(balancer, rows) for _ in range(600)])[-100:].mean(dim=0)
    torch.testing.assert_close(lengths, lengths.mean().expand(3), rtol=0.1, atol=0)


def test_who_lags_behind_gets_longer_gradients() -> None:
    balancer = declared("gradnorm", alpha=1.0, learning_rate=0.005).build(("a", "b", "c"))
    shared_gradient(balancer, torch.eye(3), torch.tensor([1.0, 10.0, 0.1]))
    lagging = torch.tensor([0.5, 10.0, 0.05])  # b is where it began, the others have half of it left
    lengths = torch.stack([shared_gradient(balancer, torch.eye(3), lagging) for _ in range(500)])[-100:].mean(dim=0)
    torch.testing.assert_close(lengths, torch.tensor([0.75, 1.5, 0.75]), rtol=0.05, atol=0)


def test_weights_sum_to_the_number_of_tasks_and_stay_positive() -> None:
    balancer = declared("gradnorm", learning_rate=1.0).build(("a", "b", "c"))
    torch.manual_seed(0)
    for _ in range(60):
        shared_gradient(balancer, torch.randn(3, 4) * torch.tensor([[1.0], [100.0], [0.01]]), torch.rand(3) + 0.1)
        weights = balancer.state_dict()["weights.values"]
        assert weights.sum().item() == pytest.approx(3, rel=1e-5)
        assert (weights > MIN_WEIGHT / 4).all()


def test_those_who_take_part_share_what_they_had() -> None:
    bench = Bench("gradnorm")
    bench.epoch(1)
    before = bench.balancer.state_dict()["weights.values"].clone()
    bench.present = lambda step: [0, 2]
    bench.step(0)
    after = bench.balancer.state_dict()["weights.values"]
    assert after[1] == before[1]
    assert not torch.equal(after, before)
    torch.testing.assert_close(after.sum(), torch.tensor(3.0))


def test_a_task_that_does_not_reach_the_last_layer_is_not_pushed() -> None:
    balancer = built("gradnorm")
    last, other = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
    for _ in range(5):
        losses = {0: last.sum(), 1: 3 * last.sum(), 2: other.sum()}
        balancer.backward(losses, Shared(parameters=(other, last), last=last))
    weights = balancer.state_dict()["weights.values"]
    assert weights.isfinite().all()
    assert weights[0] > weights[2] > weights[1]


def test_a_loss_that_begins_at_0_breaks_nothing() -> None:
    """The other weights are learned all the same."""
    balancer = built("gradnorm")
    rows = torch.diag(torch.tensor([1.0, 2.0, 3.0]))
    assert shared_gradient(balancer, rows, torch.tensor([0.0, 1.0, 1.0])).isfinite().all()
    assert (balancer.state_dict()["weights.values"] != 1).all()
    for _ in range(3):
        assert shared_gradient(balancer, rows, torch.zeros(3)).isfinite().all()
    assert balancer.state_dict()["weights.values"].isfinite().all()
