"""The contract of a trunk."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from mtl_core.declared import Declared

__all__ = ["Trunk", "TrunkOptions"]


class Trunk(nn.Module, ABC):
    """`(..., width)` -> one `(..., out_width)` per task, so that rows (B, D) and tokens (B, L, D) are served alike."""

    out_width: int

    @abstractmethod
    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """(..., width) -> per task, in the problem's order, (..., out_width)."""


class TrunkOptions(Declared, ABC):
    """Options of a trunk, as `params.yaml` declares them."""

    @abstractmethod
    def build(self, width: int, tasks: int) -> Trunk:
        """A trunk for inputs of that width and that many tasks."""
