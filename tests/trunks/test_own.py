"""Parameters that a trunk reports as a task's own serve that task alone, and all that do are reported."""

import pytest
import torch
from torch import Tensor, nn

from mtl_core.config import TrunkOptions
from mtl_core.model import Network
from mtl_core.trunks import Trunk
from tests.small import Small
from tests.trunks.every import ALL, TASKS, built, outputs_of, random_rows, stirred
from tests.trunks.problems import with_trunk

every_trunk = pytest.mark.parametrize("options", ALL.values(), ids=ALL.keys())


def names_of_own(trunk: Trunk, task: int) -> list[str]:
    own = {id(parameter) for parameter in trunk.task_parameters(task)}
    return [name for name, parameter in trunk.named_parameters() if id(parameter) in own]


def loss_of(output: Tensor) -> Tensor:
    """A loss that no direction of the output is indifferent to."""
    targets = torch.randn(output.shape, generator=torch.Generator().manual_seed(output.shape[-1]))
    return (output - targets).square().mean()


def moved_by(trunk: Trunk, options: TrunkOptions, task: int) -> tuple[set[str], set[str]]:
    """Names of the parameters that a task's output gives any gradient, even of zeros; and of those with another one."""
    trunk.zero_grad()
    loss_of(outputs_of(trunk, options, random_rows(64))[task]).backward()
    reached = {name: parameter.grad for name, parameter in trunk.named_parameters() if parameter.grad is not None}
    return set(reached), {name for name, gradient in reached.items() if gradient.any()}


@every_trunk
def test_own_is_a_partition_of_what_serves_one_task(options: TrunkOptions) -> None:
    trunk = stirred(options)
    own = [names_of_own(trunk, task) for task in range(TASKS)]
    assert [len(names) for names in own] == [len(trunk.task_parameters(task)) for task in range(TASKS)]
    reached, moved = zip(*(moved_by(trunk, options, task) for task in range(TASKS)), strict=True)
    for name, _ in trunk.named_parameters():
        owners = [task for task in range(TASKS) if name in own[task]]
        if owners:
            (owner,) = owners
            assert [task for task in range(TASKS) if name in reached[task]] == [owner], name
            assert name in moved[owner]
        else:
            assert sum(name in names for names in moved) >= 2, name


@pytest.mark.parametrize(
    ("kind", "own"),
    [
        ("adatt", ["levels.1.units.1.gate.linear.weight", "levels.1.units.1.gate.linear.bias"]),
        ("cgc", ["levels.0.gates.1", "levels.0.experts.1"]),
        ("cross_stitch", ["stitches.1.rows.1"]),
        ("message_passing", []),
        ("mmoe", ["gates.1"]),
        ("ple", ["levels.0.gates.1", "levels.1.gates.1", "levels.1.experts.1"]),
        ("ple-four", ["levels.2.gates.1", "levels.3.gates.1", "levels.3.experts.1"]),
        ("shared_bottom", []),
        ("single_task", ["stacks.1"]),
        ("task_vectors", ["vectors.1"]),
    ],
)
def test_what_is_own(kind: str, own: list[str]) -> None:
    trunk = built(ALL[kind])
    expected = [name for name, _ in trunk.named_parameters() if any(name.startswith(part) for part in own)]
    assert sorted(names_of_own(trunk, 1)) == sorted(expected)
    assert bool(own) == bool(expected)


@every_trunk
@pytest.mark.parametrize("resting", range(TASKS))
def test_what_is_a_resting_tasks_own_stays_as_it_is_to_the_bit(options: TrunkOptions, resting: int) -> None:
    trunk = built(options).train()
    optimizer = torch.optim.AdamW(trunk.parameters(), lr=0.02, weight_decay=0.5)

    def step(tasks: list[int]) -> None:
        outputs = outputs_of(trunk, options, random_rows(32))
        optimizer.zero_grad()
        torch.stack([loss_of(outputs[task]) for task in tasks]).sum().backward()
        optimizer.step()

    for _ in range(3):  # until there is momentum everywhere
        step([0, 1, 2])
    own = names_of_own(trunk, resting)
    before = {name: parameter.detach().clone() for name, parameter in trunk.named_parameters()}
    for _ in range(3):
        step([task for task in range(TASKS) if task != resting])
    after = dict(trunk.named_parameters())
    assert all(torch.equal(before[name], after[name]) for name in own)
    assert not any(torch.equal(before[name], after[name]) for name in before if name not in own)


@pytest.mark.parametrize("kind", ALL)
def test_every_task_moves_the_last_shared_weights_of_the_network(small: Small, kind: str) -> None:
    network = Network.seeded(with_trunk(ALL[kind]), small.encoder, 0)
    last = network.shared().last
    names = [name for name, parameter in network.named_parameters() if parameter is last]
    if kind == "single_task":
        assert last is None
        return
    assert isinstance(last, nn.Parameter)
    assert names[0].startswith("trunk.")
    assert names[0].endswith("weight")
    for logits in network(small.train.slice(0, 64).inputs).values():
        (gradient,) = torch.autograd.grad(loss_of(logits), last, retain_graph=True)
        assert gradient.flatten(1).any(dim=1).any()
        if gradient.ndim == 3:  # experts side by side: each of them, not one for all
            assert gradient.flatten(1).any(dim=1).all()
