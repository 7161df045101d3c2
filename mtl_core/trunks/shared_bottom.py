"""Shared-bottom trunk: one stack of layers for all tasks (Caruana 1997, hard parameter sharing)."""

from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor, nn

from mtl_core.trunks.base import Trunk, TrunkOptions

__all__ = ["SharedBottom", "SharedBottomTrunk"]


class SharedBottom(TrunkOptions):
    """Linear layers with LayerNorm (no running statistics that a frozen task could see move), ReLU and dropout."""

    kind: Literal["shared_bottom"] = "shared_bottom"
    widths: Annotated[tuple[Annotated[int, Field(ge=1, le=65_536)], ...], Field(min_length=1)] = (256, 128)
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1

    def build(self, width: int, tasks: int) -> Trunk:
        return SharedBottomTrunk(self, width, tasks)


class SharedBottomTrunk(Trunk):
    """The same representation for every task."""

    def __init__(self, options: SharedBottom, width: int, tasks: int) -> None:
        super().__init__()
        self.tasks = tasks
        layers: list[nn.Module] = []
        for out_width in options.widths:
            layers += [nn.Linear(width, out_width), nn.LayerNorm(out_width), nn.ReLU(), nn.Dropout(options.dropout)]
            width = out_width
        self.layers = nn.Sequential(*layers)
        self.out_width = width

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:  # (..., width)
        shared = self.layers(x)  # (..., out_width)
        return (shared,) * self.tasks
