"""`task_parameters` are exactly the parameters that affect the output of one task alone."""

import pytest
import torch
from torch import Tensor, nn

from mtl_core.config import TrunkOptions
from mtl_core.model import Network
from mtl_core.trunks import Trunk
from tests.small import Small
from tests.trunks.cases import TASKS, TRUNKS, built, outputs_of, perturbed, random_rows, with_trunk


def names_of_task_parameters(trunk: Trunk, task: int) -> list[str]:
    ids = {id(parameter) for parameter in trunk.task_parameters(task)}
    return [name for name, parameter in trunk.named_parameters() if id(parameter) in ids]


def loss_of(output: Tensor) -> Tensor:
    """A loss that depends on every output."""
    targets = torch.randn(output.shape, generator=torch.Generator().manual_seed(output.shape[-1]))
    return (output - targets).square().mean()


def gradients_of(trunk: Trunk, options: TrunkOptions, task: int) -> dict[str, Tensor]:
    """Gradients of a loss of that task, by the names of the parameters that have any, even of zeros."""
    trunk.zero_grad()
    loss_of(outputs_of(trunk, options, random_rows(64))[task]).backward()
    return {name: parameter.grad for name, parameter in trunk.named_parameters() if parameter.grad is not None}


@pytest.mark.parametrize("options", TRUNKS.values(), ids=TRUNKS.keys())
def test_a_task_parameter_has_a_gradient_of_its_task_alone_and_any_other_of_several_tasks(
    options: TrunkOptions,
) -> None:
    trunk = perturbed(options)
    names = [names_of_task_parameters(trunk, task) for task in range(TASKS)]
    assert [len(of_task) for of_task in names] == [len(trunk.task_parameters(task)) for task in range(TASKS)]
    gradients = [gradients_of(trunk, options, task) for task in range(TASKS)]
    for name, _ in trunk.named_parameters():
        owners = [task for task in range(TASKS) if name in names[task]]
        nonzero = [task for task in range(TASKS) if name in gradients[task] and gradients[task][name].any()]
        if owners:
            assert len(owners) == 1
            assert [task for task in range(TASKS) if name in gradients[task]] == nonzero == owners, name
        else:
            assert len(nonzero) >= 2, name


@pytest.mark.parametrize(
    ("kind", "prefixes"),
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
def test_names_of_task_parameters(kind: str, prefixes: list[str]) -> None:
    trunk = built(TRUNKS[kind])
    expected = [name for name, _ in trunk.named_parameters() if name.startswith(tuple(prefixes))]
    assert sorted(names_of_task_parameters(trunk, 1)) == sorted(expected)
    assert bool(prefixes) == bool(expected)


@pytest.mark.parametrize("kind", TRUNKS)
def test_every_task_has_a_gradient_on_the_last_shared_weights_of_the_network(small: Small, kind: str) -> None:
    network = Network.seeded(with_trunk(TRUNKS[kind]), small.encoder, 0)
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
        if gradient.ndim == 3:  # parallel experts: each of them has a gradient
            assert gradient.flatten(1).any(dim=1).all()
