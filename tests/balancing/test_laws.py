"""Laws of every method."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from mtl_core.balancing import SharedParameters
from mtl_core.config import AnyBalancing
from mtl_core.schema import tagged
from mtl_core.training.checkpoint import CheckpointStore
from tests.balancing.toy import AGGREGATIONS, METHODS, RANDOMISED, TASKS, ToyTraining, built, same, shared_gradient

every_method = pytest.mark.parametrize("method", METHODS)
JACOBIAN = torch.tensor([[-4.0, 1.0, 1.0, 0.5], [6.0, 1.0, 1.0, -0.25], [1.0, -2.0, 0.5, 3.0]])
VALUES = torch.tensor([0.5, 2.0, 1.25])


def varying(step: int) -> list[int]:
    """Tasks that take part in a step."""
    return [[0, 1, 2], [0, 2], [1], [1, 2], [0, 2]][step % 5]


def test_every_method_of_the_union_is_covered() -> None:
    assert sorted(METHODS) == sorted(tagged(AnyBalancing))


@every_method
def test_the_method_of_a_balancer_is_its_name_in_params(method: str) -> None:
    assert getattr(built(method), "method", method) == method


@every_method
def test_the_losses_of_all_tasks_fall(method: str) -> None:
    training = ToyTraining(method)
    first = training.epoch(1, steps=12)
    for number in range(2, 13):
        last = training.epoch(number, steps=12)
    assert all(last[task] < 0.7 * first[task] for task in range(3)), (first, last)


@every_method
def test_a_training_resumed_between_epochs_is_bit_identical(method: str, tmp_path: Path) -> None:
    uninterrupted = ToyTraining(method, present=varying)
    keys = uninterrupted.balancer.state_dict().keys()
    for number in (1, 2):
        uninterrupted.epoch(number)
    CheckpointStore(tmp_path, "digest").save(uninterrupted.modules, uninterrupted.optimizer, {})
    for number in (3, 4):
        uninterrupted.epoch(number)

    resumed = ToyTraining(method, present=varying)
    assert CheckpointStore(tmp_path, "digest").restore(resumed.modules, resumed.optimizer) == {}
    for number in (3, 4):
        resumed.epoch(number)
    assert same(uninterrupted.state(), resumed.state())
    assert uninterrupted.balancer.state_dict().keys() == keys


@every_method
def test_random_numbers_are_drawn_from_torch_alone(method: str) -> None:
    states = []
    for seed in (0, 1):
        random.seed(seed)
        np.random.seed(seed)
        training = ToyTraining(method, present=varying)
        training.epoch(1)
        states.append(training.state())
    assert same(*states)
    gradients = []
    for seed in range(8):
        torch.manual_seed(seed)
        gradients.append(shared_gradient(built(method), JACOBIAN, VALUES))
    assert all(torch.equal(gradients[0], gradient) for gradient in gradients) == (method not in RANDOMISED)


def state_of_task(task: int, training: ToyTraining) -> dict[str, Tensor]:
    """Head and scale of a task, the optimiser's state of both, and the task's slices of the balancer's buffers."""
    parameters = [*training.network.heads[task].parameters()]
    scales = dict(training.balancer.named_children()).get("scales")
    if scales is not None:
        parameters += [*scales[task].parameters()]
    tensors = {}
    for number, parameter in enumerate(parameters):
        state = training.optimizer.state[parameter] | {"value": parameter.detach()}
        tensors |= {f"{number}.{name}": tensor.clone() for name, tensor in state.items()}
    for name, tensor in training.balancer.state_dict().items():
        if "scales" not in name:
            dimensions = [dim for dim, size in enumerate(tensor.shape) if size == len(TASKS)]
            tensors |= {f"{name}.{dim}": tensor.select(dim, task).clone() for dim in dimensions}
    return tensors


@every_method
def test_a_task_that_takes_no_part_stays_bit_identical(method: str) -> None:
    present = [0, 1, 2]
    training = ToyTraining(method, present=lambda step: present)
    for number in (1, 2, 3):
        training.epoch(number)
    training.balancer.before_epoch()
    absent, other = state_of_task(1, training), state_of_task(0, training)
    present.remove(1)
    for step in range(3):
        training.step(step)
        assert all(parameter.grad is None for parameter in training.network.heads[1].parameters())
    assert same(absent, state_of_task(1, training))
    assert not same(other, state_of_task(0, training))
    assert all(tensor.isfinite().all() for name, tensor in training.state().items() if name.startswith("network"))


@pytest.mark.parametrize("method", [method for method in METHODS if method not in ("mean", "inverse_loss")])
def test_absent_tasks_do_not_affect_the_others(method: str) -> None:
    """Except under means, in which an absent task counts as 0, so that the weights of the others stay."""
    rows, values = JACOBIAN[[0, 2]], VALUES[[0, 2]]
    torch.manual_seed(3)
    expected = shared_gradient(built(method, ("a", "c")), rows, values)
    torch.manual_seed(3)
    torch.testing.assert_close(shared_gradient(built(method), rows, values, positions=(0, 2)), expected)


@every_method
def test_the_direction_of_a_single_task_is_its_gradient(method: str) -> None:
    direction = shared_gradient(built(method), JACOBIAN[[1]], VALUES[[1]], positions=(1,))
    assert torch.cosine_similarity(direction, JACOBIAN[1], dim=0) > 1 - 1e-6
    if method in AGGREGATIONS:
        assert torch.equal(direction, JACOBIAN[1])


@every_method
def test_shared_parameters_that_no_loss_depends_on_have_no_gradient(method: str) -> None:
    training = ToyTraining(method, present=lambda step: [0, 1] if step else [0, 1, 2])
    training.step(0)
    assert training.network.bridge.grad is not None
    training.step(1)
    assert training.network.bridge.grad is None
    assert all(parameter.grad is not None for parameter in training.network.trunk.parameters())


@pytest.mark.parametrize("method", [method for method in METHODS if method != "random"])
def test_the_direction_does_not_depend_on_the_order_of_tasks(method: str) -> None:
    """With the same seed: `graddrop` draws per parameter, `pcgrad` and `gradvac` draw nothing for two tasks.

    Methods that draw per task are tested on average below.
    """
    order = [1, 0] if method in ("pcgrad", "gradvac") else [2, 0, 1]
    count = len(order)
    tasks = TASKS[:count]
    gradients = []
    for permutation in (list(range(count)), order):
        balancer = built(method, tuple(tasks[task] for task in permutation))
        torch.manual_seed(5)
        for _ in range(3):  # so that learned state is permuted too
            gradient = shared_gradient(balancer, JACOBIAN[permutation], VALUES[permutation])
            losses = dict(enumerate(VALUES[permutation] * torch.tensor([0.9, 0.8, 0.7])[permutation]))
            balancer.after_step(lambda losses=losses: losses)
        balancer.after_epoch({position: VALUES[task].item() for position, task in enumerate(permutation)})
        gradients.append(gradient)
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("method", ["random", "pcgrad", "gradvac"])
def test_the_mean_direction_does_not_depend_on_the_order_of_tasks(method: str) -> None:
    torch.manual_seed(7)
    means = []
    for order in ([0, 1, 2], [2, 0, 1]):
        tasks = tuple(TASKS[task] for task in order)
        directions = [shared_gradient(built(method, tasks), JACOBIAN[order], VALUES[order]) for _ in range(200)]
        means.append(torch.stack(directions).mean(dim=0))
    torch.testing.assert_close(*means, rtol=0, atol=0.6)


@pytest.mark.parametrize("method", AGGREGATIONS)
def test_parameters_that_are_not_shared_have_the_gradient_of_the_sum_of_losses(method: str) -> None:
    training, unshared, reference = ToyTraining(method), ToyTraining(method), ToyTraining("sum")
    training.balancer.backward(training.losses(0), training.network.shared())
    unshared.balancer.backward(unshared.losses(0), SharedParameters(parameters=(), last=None))
    reference.balancer.backward(reference.losses(0), reference.network.shared())
    heads, expected_heads = training.network.heads.parameters(), reference.network.heads.parameters()
    assert all(torch.equal(a.grad, b.grad) for a, b in zip(heads, expected_heads, strict=True))
    for parameter, expected in zip(unshared.network.parameters(), reference.network.parameters(), strict=True):
        torch.testing.assert_close(parameter.grad, expected.grad)
