"""Cross-stitch: a stack per task, and after each layer a learned mixture of all tasks' activations.

Misra, Shrivastava, Gupta and Hebert 2016, "Cross-stitch Networks for Multi-task Learning", CVPR: the unit is equation
1, its convex start section 5.1. We have one unit per layer, as the paper does where one per channel was unstable
(section 6), learn it at the rate of everything else (the paper: 100 to 1,000 times faster, section 5.2), and start from
random stacks rather than from trained ones (section 5.3).
"""

from itertools import pairwise
from typing import Annotated, Literal, cast

import torch
from pydantic import Field
from torch import Tensor, nn

from mtl_core.trunks.base import Trunk, TrunkOptions
from mtl_core.trunks.layers import Dropout, Experts, Widths

__all__ = ["CrossStitch", "CrossStitchTrunk", "Stitch"]


class CrossStitch(TrunkOptions):
    """Stacks side by side that learn how much to take from each other."""

    kind: Literal["cross_stitch"] = "cross_stitch"
    widths: Widths = (128, 128)
    """The layers of every task's stack."""
    same: Annotated[float, Field(ge=0, le=1)] = 0.9
    """What a task takes of its own activations at the start; the others give the rest in equal parts."""
    dropout: Dropout = 0.1

    def build(self, width: int, tasks: int) -> Trunk:
        return CrossStitchTrunk(self, width, tasks)


class CrossStitchTrunk(Trunk):
    """Layers of all tasks and units in turn."""

    def __init__(self, options: CrossStitch, width: int, tasks: int) -> None:
        super().__init__()
        self.out_width = options.widths[-1]
        widths = (width, *options.widths)
        self.layers = nn.ModuleList(
            Experts(tasks, width, (out_width,), options.dropout) for width, out_width in pairwise(widths)
        )
        self.stitches = nn.ModuleList(Stitch(tasks, options.same) for _ in options.widths)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:  # (..., width)
        outputs: tuple[Tensor, ...] = (x,)
        for layer, stitch in zip(self.layers, self.stitches, strict=True):
            outputs = stitch(layer(*outputs))
        return outputs  # tasks times (..., out_width)

    def own(self, task: int) -> tuple[nn.Parameter, ...]:
        # Whatever lies below the last unit reaches every task; there, a row makes one task's mixture.
        return (cast(Stitch, self.stitches[-1]).rows[task],)


class Stitch(nn.Module):
    """Equation 1 for any number of tasks, a row of the matrix per task."""

    def __init__(self, tasks: int, same: float) -> None:
        super().__init__()
        different = (1 - same) / max(tasks - 1, 1)
        start = torch.full((tasks, tasks), different).fill_diagonal_(same if tasks > 1 else 1.0)
        self.rows = nn.ParameterList(nn.Parameter(row.clone()) for row in start)  # (tasks,) each

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:  # (tasks, ..., width)
        return tuple(torch.tensordot(row, x, dims=1) for row in self.rows)  # tasks times (..., width)
