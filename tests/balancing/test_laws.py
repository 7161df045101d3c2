"""Laws that every method keeps, whatever it does with the losses or their gradients."""

import random
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from mtl_core.balancing import Shared
from mtl_core.config import AnyBalancing
from mtl_core.schema import tagged
from mtl_core.training.checkpoint import CheckpointStore
from tests.balancing.toy import DRAWING, METHODS, OF_GRADIENTS, TASKS, Bench, built, same, shared_gradient

every_method = pytest.mark.parametrize("method", METHODS)
JACOBIAN = torch.tensor([[-4.0, 1.0, 1.0, 0.5], [6.0, 1.0, 1.0, -0.25], [1.0, -2.0, 0.5, 3.0]])
VALUES = torch.tensor([0.5, 2.0, 1.25])
SOMETIMES_B = (frozenset({0, 1, 2}), frozenset({0, 2}), frozenset({1}), frozenset({1, 2}), frozenset({0, 2}))
"""Tasks that take part, batch after batch."""


def some(step: int) -> list[int]:
    return sorted(SOMETIMES_B[step % len(SOMETIMES_B)])


def test_the_methods_under_test_are_all_that_can_be_declared() -> None:
    assert sorted(METHODS) == sorted(tagged(AnyBalancing))


@every_method
def test_messages_name_the_method_as_it_is_declared(method: str) -> None:
    assert getattr(built(method), "method", method) == method


@every_method
def test_it_learns_every_task(method: str) -> None:
    bench = Bench(method)
    first = bench.epoch(1, steps=12)
    for number in range(2, 13):
        last = bench.epoch(number, steps=12)
    assert all(last[task] < 0.7 * first[task] for task in range(3)), (first, last)


@every_method
def test_interrupted_between_two_epochs_it_goes_on_to_the_same_bits(method: str, tmp_path: Path) -> None:
    whole = Bench(method, present=some)
    keys = whole.balancer.state_dict().keys()
    for number in (1, 2):
        whole.epoch(number)
    CheckpointStore(tmp_path, "digest").save(whole.modules, whole.optimizer, {})
    for number in (3, 4):
        whole.epoch(number)

    resumed = Bench(method, present=some)
    assert CheckpointStore(tmp_path, "digest").restore(resumed.modules, resumed.optimizer) == {}
    for number in (3, 4):
        resumed.epoch(number)
    assert same(whole.state(), resumed.state())
    assert whole.balancer.state_dict().keys() == keys, "no key may appear later: a checkpoint would not fit"


@every_method
def test_it_draws_from_torch_alone(method: str) -> None:
    """Same seed of torch, same bits; and only those who say that they draw differ under another one."""
    ends = []
    for seed in (0, 1):
        random.seed(seed)
        np.random.seed(seed)
        bench = Bench(method, present=some)
        bench.epoch(1)
        ends.append(bench.state())
    assert same(*ends)
    drawn = []
    for seed in range(8):
        torch.manual_seed(seed)
        drawn.append(shared_gradient(built(method), JACOBIAN, VALUES))
    assert all(torch.equal(drawn[0], gradient) for gradient in drawn) == (method not in DRAWING)


def about(task: int, bench: Bench) -> dict[str, Tensor]:
    """All that is one task's own: its head, what is learned about it, what the optimiser knows of both."""
    state = bench.state()
    own = [*bench.network.heads[task].parameters()]
    scales = dict(bench.balancer.named_children()).get("scales")
    if scales is not None:
        own += [*scales[task].parameters()]
    found = {f"own.{number}": parameter.detach().clone() for number, parameter in enumerate(own)}
    for number, parameter in enumerate(own):
        found |= {f"moments.{number}.{name}": t.clone() for name, t in bench.optimizer.state[parameter].items()}
    for name, tensor in state.items():
        if name.startswith("balancer.") and "scales" not in name:
            found |= {
                f"{name}.{dim}": tensor.select(dim, task) for dim, size in enumerate(tensor.shape) if size == len(TASKS)
            }
    return found


@every_method
def test_a_task_that_takes_no_part_is_not_moved_by_a_bit(method: str) -> None:
    taking_part = [0, 1, 2]
    bench = Bench(method, present=lambda step: taking_part)
    for number in (1, 2, 3):
        bench.epoch(number)
    bench.balancer.before_epoch()
    before, others = about(1, bench), about(0, bench)
    taking_part.remove(1)
    for step in range(3):
        bench.step(step)
        assert all(parameter.grad is None for parameter in bench.network.heads[1].parameters())
    assert same(before, about(1, bench))
    assert not same(others, about(0, bench))
    assert all(tensor.isfinite().all() for name, tensor in bench.state().items() if name.startswith("network"))


@pytest.mark.parametrize("method", [method for method in METHODS if method not in ("mean", "inverse_loss")])
def test_who_takes_no_part_might_as_well_not_be_there(method: str) -> None:
    """But for the means, which count such a task as 0, so that the others keep their weight."""
    rows, values = JACOBIAN[[0, 2]], VALUES[[0, 2]]
    torch.manual_seed(3)
    alone = shared_gradient(built(method, ("a", "c")), rows, values)
    torch.manual_seed(3)
    among = shared_gradient(built(method), rows, values, positions=(0, 2))
    torch.testing.assert_close(among, alone)


@every_method
def test_a_task_alone_in_a_batch_gets_its_own_direction(method: str) -> None:
    found = shared_gradient(built(method), JACOBIAN[[1]], VALUES[[1]], positions=(1,))
    assert torch.cosine_similarity(found, JACOBIAN[1], dim=0) > 1 - 1e-6
    if method in OF_GRADIENTS:
        assert torch.equal(found, JACOBIAN[1])


@every_method
def test_shared_parameters_that_no_loss_reaches_get_no_gradient(method: str) -> None:
    bench = Bench(method, present=lambda step: [0, 1] if step else [0, 1, 2])
    bench.step(0)
    assert bench.network.bridge.grad is not None
    bench.step(1)
    assert bench.network.bridge.grad is None
    assert all(parameter.grad is not None for parameter in bench.network.trunk.parameters())


@pytest.mark.parametrize("method", [method for method in METHODS if method != "random"])
def test_the_order_of_the_tasks_decides_nothing(method: str) -> None:
    """With the same seed the order decides nothing: `graddrop` draws per parameter.

    Two tasks leave `pcgrad` and `gradvac` nothing to draw. Draws per task, those of `random` and of three tasks, have a
    law of their own below.
    """
    order = [1, 0] if method in ("pcgrad", "gradvac") else [2, 0, 1]
    count = len(order)
    tasks = TASKS[:count]
    gradients = []
    for permutation in (list(range(count)), order):
        balancer = built(method, tuple(tasks[task] for task in permutation))
        torch.manual_seed(5)
        for _ in range(3):  # so that what is learned on the way is permuted too
            gradient = shared_gradient(balancer, JACOBIAN[permutation], VALUES[permutation])
            losses = dict(enumerate(VALUES[permutation] * torch.tensor([0.9, 0.8, 0.7])[permutation]))
            balancer.after_step(lambda losses=losses: losses)
        balancer.after_epoch({position: VALUES[task].item() for position, task in enumerate(permutation)})
        gradients.append(gradient)
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("method", ["random", "pcgrad", "gradvac"])
def test_on_average_over_its_draws_the_order_of_the_tasks_decides_nothing(method: str) -> None:
    torch.manual_seed(7)
    means = []
    for order in ([0, 1, 2], [2, 0, 1]):
        tasks = tuple(TASKS[task] for task in order)
        draws = [shared_gradient(built(method, tasks), JACOBIAN[order], VALUES[order]) for _ in range(200)]
        means.append(torch.stack(draws).mean(dim=0))
    torch.testing.assert_close(*means, rtol=0, atol=0.6)


@every_method
def test_nothing_but_gradients_and_what_was_learned_is_left_behind(method: str) -> None:
    """The same step again from the same state gives the same gradients: no graph, no hidden count."""
    bench = Bench(method)
    bench.epoch(1)
    torch.manual_seed(0)
    kept = {name: tensor.clone() for name, tensor in bench.balancer.state_dict().items()}
    found: list[Mapping[str, Tensor]] = []
    for _ in range(2):
        bench.balancer.load_state_dict(kept)
        bench.balancer.before_epoch()
        bench.optimizer.zero_grad()
        torch.manual_seed(11)
        bench.balancer.backward(bench.losses(2), bench.network.shared())
        found.append({name: parameter.grad.clone() for name, parameter in bench.network.named_parameters()})
    assert same(*found)


@pytest.mark.parametrize("method", OF_GRADIENTS)
def test_what_serves_one_task_alone_gets_its_plain_gradient(method: str) -> None:
    bench = Bench(method)
    losses = bench.losses(0)
    expected = [
        torch.autograd.grad(losses[task], [*head.parameters()], retain_graph=True)
        for task, head in enumerate(bench.network.heads)
    ]
    bench.balancer.backward(losses, bench.network.shared())
    for head, gradients in zip(bench.network.heads, expected, strict=True):
        for parameter, gradient in zip(head.parameters(), gradients, strict=True):
            assert torch.equal(parameter.grad, gradient)


@pytest.mark.parametrize("method", OF_GRADIENTS)
def test_without_shared_parameters_every_task_gets_its_plain_gradient(method: str) -> None:
    bench = Bench(method)
    bench.balancer.backward(bench.losses(0), Shared(parameters=(), last=None))
    plain = Bench("sum")
    plain.balancer.backward(plain.losses(0), plain.network.shared())
    for found, expected in zip(bench.network.parameters(), plain.network.parameters(), strict=True):
        torch.testing.assert_close(found.grad, expected.grad)
