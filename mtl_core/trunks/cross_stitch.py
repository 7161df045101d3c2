"""Cross-stitch: an MLP per task, and after each layer a learned mixture of all tasks' activations.

Misra, Shrivastava, Gupta and Hebert 2016, "Cross-stitch Networks for Multi-task Learning", CVPR: the unit is equation
1, its convex start section 5.1.

Departs from the paper: one unit per layer, which the paper uses only where one per channel was unstable (section 6);
units have the learning rate of all parameters (the paper: 100 to 1,000 times larger, section 5.2); the networks start
from random weights, not from trained ones (section 5.3).
"""

from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from mtl_core.nn.experts import Experts
from mtl_core.trunks.base import Trunk


class CrossStitchTrunk(Trunk):
    """Layers of all tasks, with a cross-stitch unit after each."""

    def __init__(self, width: int, tasks: int, *, widths: tuple[int, ...], same: float, dropout: float) -> None:
        """`same`: initial weight of a task's activations in its own mixture."""
        super().__init__()
        self.out_width = widths[-1]
        self.layers = nn.ModuleList(
            Experts(tasks, in_width, (out_width,), dropout) for in_width, out_width in pairwise((width, *widths))
        )
        self.stitches = nn.ModuleList(Stitch(tasks, same) for _ in widths)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:  # (..., width)
        outputs: tuple[Tensor, ...] = (x,)
        for layer, stitch in zip(self.layers, self.stitches, strict=True):
            outputs = stitch(layer(*outputs))
        return outputs  # tasks times (..., out_width)

    def task_parameters(self, task: int) -> tuple[nn.Parameter, ...]:
        # Parameters below the last unit affect every task; a row of the last unit affects one.
        return (cast(Stitch, self.stitches[-1]).rows[task],)


class Stitch(nn.Module):
    """Equation 1 for any number of tasks; a parameter per row of the matrix, which is that of one task."""

    def __init__(self, tasks: int, same: float) -> None:
        super().__init__()
        different = (1 - same) / max(tasks - 1, 1)
        start = torch.full((tasks, tasks), different).fill_diagonal_(same if tasks > 1 else 1.0)
        self.rows = nn.ParameterList(nn.Parameter(row.clone()) for row in start)  # (tasks,) each

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:  # (tasks, ..., width)
        return tuple(torch.tensordot(row, x, dims=1) for row in self.rows)  # tasks times (..., width)
