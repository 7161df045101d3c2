"""Base class of all trunks."""

from abc import ABC, abstractmethod

from torch import Tensor, nn


class Trunk(nn.Module, ABC):
    """`(..., width)` -> one `(..., out_width)` per task; so rows (B, D) and tokens (B, L, D) need no distinction."""

    out_width: int

    @abstractmethod
    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """(..., width), or (..., tasks, width) with separate inputs -> per task, in order, (..., out_width)."""

    def task_parameters(self, task: int) -> tuple[nn.Parameter, ...]:
        """The parameters that serve that task alone.

        Each is a parameter by itself, never a slice of one that several tasks share: a paused task leaves it without a
        gradient, so the optimizer does not change a bit of it.
        """
        return ()
