"""Task vectors: one MLP for all tasks, whose layers are scaled and shifted by a learned vector per task.

FiLM: Perez, Strub, de Vries, Dumoulin and Courville 2018, "FiLM: Visual Reasoning with a General Conditioning Layer",
AAAI, equations 1 and 2. As in the paper, scale and shift are an affine function of the condition and replace those of
the normalisation (section 2.2); the condition is the task rather than a question.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mtl_core.nn.dropout import FastDropout
from mtl_core.trunks.base import Trunk


class TaskVectorsTrunk(Trunk):
    """Initially all scales are 1 and all shifts 0, as in a shared bottom.

    The initial vectors are orthogonal where their width allows: all pairs have the same distance, so that differences
    of distances are learned.
    """

    def __init__(self, width: int, tasks: int, *, widths: tuple[int, ...], vector: int, dropout: float) -> None:
        """`vector`: width of a task's vector."""
        super().__init__()
        start = nn.init.orthogonal_(torch.empty(tasks, vector))
        self.vectors = nn.ParameterList(nn.Parameter(row.clone()) for row in start)  # (vector,) each
        self.films = nn.ModuleList(_film(vector, out_width) for out_width in widths)
        self.layers = nn.ModuleList(nn.Linear(*pair) for pair in pairwise((width, *widths)))
        self.dropout = FastDropout(dropout)
        self.out_width = widths[-1]

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:  # (..., width)
        first = self.layers[0](x)  # the same for every task
        return tuple(self._conditioned(first, vector) for vector in self.vectors)  # tasks times (..., out_width)

    def task_parameters(self, task: int) -> tuple[nn.Parameter, ...]:
        return (self.vectors[task],)

    def _conditioned(self, x: Tensor, vector: Tensor) -> Tensor:
        for depth, film in enumerate(self.films):
            if depth:
                x = self.layers[depth](x)
            scale, shift = film(vector).chunk(2)  # (out_width,) each
            x = self.dropout(F.relu(F.layer_norm(x, scale.shape, scale, shift)))  # (..., out_width)
        return x


def _film(vector: int, width: int) -> nn.Linear:
    """Task vector -> scale and shift, concatenated; initially 1 and 0 for every vector."""
    film = nn.Linear(vector, 2 * width)
    nn.init.zeros_(film.weight)
    with torch.no_grad():
        film.bias.copy_(torch.cat([torch.ones(width), torch.zeros(width)]))
    return film
