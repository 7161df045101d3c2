"""Shared bottom: one MLP for all tasks.

Hard parameter sharing: Caruana 1997, "Multitask Learning", Machine Learning 28.
"""

from torch import Tensor

from mtl_core.nn.mlp import MLP
from mtl_core.trunks.base import Trunk


class SharedBottomTrunk(Trunk):
    """MLP whose output is that of every task."""

    def __init__(self, width: int, tasks: int, *, widths: tuple[int, ...], dropout: float) -> None:
        super().__init__()
        self.tasks = tasks
        self.stack = MLP(width, widths, dropout)
        self.out_width = self.stack.out_width

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:  # (..., width)
        shared = self.stack(x)  # (..., out_width)
        return (shared,) * self.tasks
