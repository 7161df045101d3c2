"""GradNorm against equations 1 and 2 and algorithm 1 of the paper, with gradients by autograd."""

import pytest
import torch
from torch import Tensor, nn

from mtl_core.balancing import SharedParameters
from mtl_core.balancing.gradnorm import MIN_WEIGHT, weights_gradient
from tests.balancing.toy import Toy, built, options_of, shared_gradient

FIRST = torch.tensor([0.7, 1.9, 0.4])
WEIGHTS = torch.tensor([0.5, 1.5, 1.0])


def toy_losses(network: Toy) -> Tensor:
    torch.manual_seed(3)
    x, y = torch.randn(16, 4), torch.randn(16, 3)
    return torch.stack([(out - y[:, task]).square().mean() for task, out in enumerate(network(x))])


@pytest.mark.parametrize("alpha", [0.0, 0.12, 1.5])
def test_the_gradient_of_the_weights_is_that_of_equation_2(alpha: float) -> None:
    torch.manual_seed(0)
    network = Toy()
    losses, last = toy_losses(network), network.shared().last
    weights = WEIGHTS.clone().requires_grad_()
    gradients = [torch.autograd.grad(loss, last, create_graph=True)[0] for loss in weights * losses]
    lengths = torch.stack([gradient.norm() for gradient in gradients])  # equation 1
    ratios = losses.detach() / FIRST
    target = lengths.mean() * (ratios / ratios.mean()) ** alpha
    (expected,) = torch.autograd.grad((lengths - target.detach()).abs().sum(), weights)  # equation 2

    norms = torch.stack([torch.autograd.grad(loss, last, retain_graph=True)[0].norm() for loss in losses])
    torch.testing.assert_close(weights_gradient(WEIGHTS, norms, losses.detach(), FIRST, alpha), expected)
    assert expected.ne(0).all()


def test_a_step_is_algorithm_1() -> None:
    """The network is updated with the previous weights; then Adam updates these, and they are scaled to their sum."""
    torch.manual_seed(0)
    network, balancer = Toy(), options_of("gradnorm", alpha=1.0, learning_rate=0.1).build(("a", "b", "c"))
    losses = toy_losses(network)
    last = network.shared().last
    norms = torch.stack([torch.autograd.grad(loss, last, retain_graph=True)[0].norm() for loss in losses])
    unweighted = torch.autograd.grad(losses.sum(), [*network.parameters()], retain_graph=True)
    balancer.backward(dict(enumerate(losses)), network.shared())
    for parameter, gradient in zip(network.parameters(), unweighted, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)

    updated = 1 - 0.1 * torch.sign(norms - norms.mean())  # every rate is 1 in the first step
    expected = 3 * updated / updated.sum()
    torch.testing.assert_close(balancer.state_dict()["weights.values"], expected)
    torch.testing.assert_close(balancer.state_dict()["first"], losses.detach())

    network.zero_grad()
    losses = toy_losses(network)
    weighted = torch.autograd.grad((expected * losses).sum(), [*network.parameters()], retain_graph=True)
    balancer.backward(dict(enumerate(losses)), network.shared())
    for parameter, gradient in zip(network.parameters(), weighted, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)


@pytest.mark.parametrize("scale", [1.0, 10.0])
def test_with_alpha_0_the_gradients_get_equal_lengths_whatever_the_scale_of_a_loss(scale: float) -> None:
    balancer = options_of("gradnorm", alpha=0.0, learning_rate=0.005).build(("a", "b", "c"))
    rows = torch.diag(torch.tensor([1.0, 2.0, 3.0]) * torch.tensor([1.0, scale, 1.0]))
    lengths = torch.stack([shared_gradient(balancer, rows) for _ in range(600)])[-100:].mean(dim=0)
    torch.testing.assert_close(lengths, lengths.mean().expand(3), rtol=0.1, atol=0)


def test_tasks_that_train_slowly_get_longer_gradients() -> None:
    balancer = options_of("gradnorm", alpha=1.0, learning_rate=0.005).build(("a", "b", "c"))
    shared_gradient(balancer, torch.eye(3), torch.tensor([1.0, 10.0, 0.1]))
    lagging = torch.tensor([0.5, 10.0, 0.05])  # b has its first loss, the others half of it
    lengths = torch.stack([shared_gradient(balancer, torch.eye(3), lagging) for _ in range(500)])[-100:].mean(dim=0)
    torch.testing.assert_close(lengths, torch.tensor([0.75, 1.5, 0.75]), rtol=0.05, atol=0)


def test_weights_sum_to_the_number_of_tasks_and_stay_positive() -> None:
    balancer = options_of("gradnorm", learning_rate=1.0).build(("a", "b", "c"))
    torch.manual_seed(0)
    for step in range(60):
        present = [0, 2] if step % 3 else [0, 1, 2]
        rows = torch.randn(3, 4) * torch.tensor([[1.0], [100.0], [0.01]])
        shared_gradient(balancer, rows[present], torch.rand(len(present)) + 0.1, positions=present)
        weights = balancer.state_dict()["weights.values"]
        assert weights.sum().item() == pytest.approx(3, rel=1e-5)
        assert (weights > MIN_WEIGHT / 4).all()


def test_a_task_whose_loss_does_not_depend_on_the_last_layer_has_a_finite_weight() -> None:
    balancer = built("gradnorm")
    last, other = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
    for _ in range(5):
        losses = {0: last.sum(), 1: 3 * last.sum(), 2: other.sum()}
        balancer.backward(losses, SharedParameters(parameters=(other, last), last=last))
    weights = balancer.state_dict()["weights.values"]
    assert weights.isfinite().all()
    assert weights[0] > weights[2] > weights[1]


def test_weights_stay_finite_for_losses_of_0() -> None:
    balancer = built("gradnorm")
    rows = torch.diag(torch.tensor([1.0, 2.0, 3.0]))
    assert shared_gradient(balancer, rows, torch.tensor([0.0, 1.0, 1.0])).isfinite().all()
    assert (balancer.state_dict()["weights.values"] != 1).all()
    for _ in range(3):
        assert shared_gradient(balancer, rows, torch.zeros(3)).isfinite().all()
    assert balancer.state_dict()["weights.values"].isfinite().all()
