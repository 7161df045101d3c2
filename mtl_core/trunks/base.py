"""The contract of a trunk."""

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor, nn

from mtl_core.frozen import Frozen

__all__ = ["Trunk", "TrunkOptions"]


class Trunk(nn.Module, ABC):
    """`(..., width)` -> one `(..., out_width)` per task, so that rows (B, D) and tokens (B, L, D) are served alike."""

    out_width: int

    @abstractmethod
    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """(..., width), or (..., tasks, width) where `own_inputs` -> per task, in order, (..., out_width)."""

    def own(self, task: int) -> tuple[nn.Parameter, ...]:
        """The parameters that serve that task alone.

        Each is a parameter of its own, never a slice of one that several tasks share: a task at rest leaves it without
        a gradient, and the optimiser leaves it alone to the bit.
        """
        return ()


class TrunkOptions(Frozen, ABC):
    """Options of a trunk, as `params.yaml` declares them."""

    own_inputs: ClassVar[bool] = False
    """Whether every task has an input layer of its own, hence shares nothing."""

    @abstractmethod
    def build(self, width: int, tasks: int) -> Trunk:
        """A trunk for inputs of that width and that many tasks."""
