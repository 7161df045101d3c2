"""Small trunks of every kind, with the options that change their structure, and functions to build and call them."""

import torch
from torch import Tensor

from mtl_core.config import Problem, parse_problem
from mtl_core.config.trunks import (
    CGC,
    PLE,
    AdaTT,
    AnyTrunk,
    CrossStitch,
    MessagePassing,
    MMoE,
    SharedBottom,
    SingleTask,
    TaskVectors,
    TrunkOptions,
)
from mtl_core.schema import tagged
from mtl_core.trunks import Trunk
from tests.small import document

WIDTH, TASKS = 12, 3
KINDS = tuple(tagged(AnyTrunk))
TRUNKS: dict[str, TrunkOptions] = {
    "adatt": AdaTT(widths=(8,), dropout=0),
    "adatt-many": AdaTT(experts=2, shared_experts=3, levels=3, widths=(8, 6), dropout=0),
    "adatt-one-shared": AdaTT(shared_experts=1, levels=2, widths=(8,), dropout=0),
    "adatt-one-level": AdaTT(experts=2, levels=1, widths=(8,), dropout=0),
    "cgc": CGC(widths=(8, 6), dropout=0),
    "cgc-many": CGC(experts=2, shared_experts=3, widths=(8,), dropout=0),
    "cross_stitch": CrossStitch(widths=(8, 6), dropout=0),
    "cross_stitch-one-layer": CrossStitch(widths=(8,), dropout=0),
    "message_passing": MessagePassing(widths=(10, 8), heads=2, dropout=0),
    "message_passing-rounds": MessagePassing(widths=(8,), heads=1, layers=3, dropout=0),
    "mmoe": MMoE(experts=3, widths=(8, 6), dropout=0),
    "ple": PLE(widths=(8,), dropout=0),
    "ple-three": PLE(experts=2, shared_experts=2, levels=3, widths=(8, 6), dropout=0),
    "ple-four": PLE(levels=4, widths=(8,), dropout=0),
    "shared_bottom": SharedBottom(widths=(8, 6), dropout=0),
    "single_task": SingleTask(widths=(8, 6), dropout=0),
    "task_vectors": TaskVectors(widths=(8, 6), vector=4, dropout=0),
    "task_vectors-narrow": TaskVectors(widths=(8,), vector=1, dropout=0),
}


def built(options: TrunkOptions, tasks: int = TASKS, seed: int = 0) -> Trunk:
    """An untrained trunk in evaluation mode."""
    torch.manual_seed(seed)
    return options.build(WIDTH, tasks).eval()


def perturbed(options: TrunkOptions) -> Trunk:
    """A trunk in evaluation mode whose parameters all differ from their initial values."""
    trunk = built(options)
    with torch.no_grad():
        for parameter in trunk.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    return trunk


def random_rows(*shape: int) -> Tensor:
    """(*shape, WIDTH) input."""
    return torch.randn(*shape, WIDTH, generator=torch.Generator().manual_seed(7))


def outputs_of(trunk: Trunk, options: TrunkOptions, x: Tensor, tasks: int = TASKS) -> tuple[Tensor, ...]:
    """The trunk's outputs for (..., WIDTH); the same input for every task where inputs are separate."""
    return trunk(torch.stack([x] * tasks, dim=-2) if options.separate_inputs else x)


def with_trunk(options: TrunkOptions) -> Problem:
    """The small problem with that trunk, parsed like a params.yaml."""
    params = document()
    return parse_problem(params | {"model": params["model"] | {"trunk": options.model_dump(mode="json")}})
