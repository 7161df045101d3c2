"""Shared-bottom trunk: one stack of layers for all tasks (Caruana 1997, hard parameter sharing)."""

from typing import Literal

from torch import Tensor

from mtl_core.trunks.base import Trunk, TrunkOptions
from mtl_core.trunks.layers import Dropout, Stack, Widths

__all__ = ["SharedBottom", "SharedBottomTrunk"]


class SharedBottom(TrunkOptions):
    """The same representation for every task."""

    kind: Literal["shared_bottom"] = "shared_bottom"
    widths: Widths = (256, 128)
    dropout: Dropout = 0.1

    def build(self, width: int, tasks: int) -> Trunk:
        return SharedBottomTrunk(self, width, tasks)


class SharedBottomTrunk(Trunk):
    """One stack, whose output every task gets."""

    def __init__(self, options: SharedBottom, width: int, tasks: int) -> None:
        super().__init__()
        self.tasks = tasks
        self.stack = Stack(width, options.widths, options.dropout)
        self.out_width = self.stack.out_width

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:  # (..., width)
        shared = self.stack(x)  # (..., out_width)
        return (shared,) * self.tasks
