"""Task vectors: one stack for all tasks, whose layers each task scales and shifts by a learned vector of its own.

FiLM: Perez, Strub, de Vries, Dumoulin and Courville 2018, "FiLM: Visual Reasoning with a General Conditioning Layer",
AAAI, equations 1 and 2. As there, scale and shift are an affine function of the condition and take the place of the
normalisation's own (section 2.2); the condition is the task rather than a question.
"""

from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mtl_core.trunks.base import Trunk, TrunkOptions
from mtl_core.trunks.dropout import QuickDropout
from mtl_core.trunks.layers import Dropout, Width, Widths

__all__ = ["TaskVectors", "TaskVectorsTrunk"]


class TaskVectors(TrunkOptions):
    """A common stack, conditioned by the task."""

    kind: Literal["task_vectors"] = "task_vectors"
    widths: Widths = (256, 128)
    vector: Width = 16
    """Width of a task's vector."""
    dropout: Dropout = 0.1

    def build(self, width: int, tasks: int) -> Trunk:
        return TaskVectorsTrunk(self, width, tasks)


class TaskVectorsTrunk(Trunk):
    """At first every task scales by 1 and shifts by 0: all of them get what a shared bottom would give.

    The vectors start at right angles to each other where their width allows, so all pairs equally far apart: what tells
    two distances apart later was learned.
    """

    def __init__(self, options: TaskVectors, width: int, tasks: int) -> None:
        super().__init__()
        start = nn.init.orthogonal_(torch.empty(tasks, options.vector))
        self.vectors = nn.ParameterList(nn.Parameter(vector.clone()) for vector in start)  # (vector,) each
        self.films = nn.ModuleList(_film(options.vector, out_width) for out_width in options.widths)
        widths = (width, *options.widths)
        self.layers = nn.ModuleList(nn.Linear(*pair) for pair in pairwise(widths))
        self.dropout = QuickDropout(options.dropout)
        self.out_width = options.widths[-1]

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:  # (..., width)
        first = self.layers[0](x)  # the same for every task
        return tuple(self._conditioned(first, vector) for vector in self.vectors)  # tasks times (..., out_width)

    def own(self, task: int) -> tuple[nn.Parameter, ...]:
        return (self.vectors[task],)

    def _conditioned(self, x: Tensor, vector: Tensor) -> Tensor:
        for depth, film in enumerate(self.films):
            if depth:
                x = self.layers[depth](x)
            scale, shift = film(vector).chunk(2)  # (out_width,) each
            x = self.dropout(F.relu(F.layer_norm(x, scale.shape, scale, shift)))  # (..., out_width)
        return x


def _film(vector: int, width: int) -> nn.Linear:
    """Task vector -> scale and shift, one after the other; at first 1 and 0 whatever the vector."""
    film = nn.Linear(vector, 2 * width)
    nn.init.zeros_(film.weight)
    with torch.no_grad():
        film.bias.copy_(torch.cat([torch.ones(width), torch.zeros(width)]))
    return film
