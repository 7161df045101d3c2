"""Base class of all trunks."""

from abc import ABC, abstractmethod

from torch import Tensor, nn


class Trunk(nn.Module, ABC):
    """(..., width) -> (..., out_width) per task. Rows (B, D) and tokens (B, L, D) are treated alike."""

    out_width: int

    @abstractmethod
    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """(..., width), or (..., tasks, width) with separate inputs -> (..., out_width) per task, in order."""

    def task_parameters(self, task: int) -> tuple[nn.Parameter, ...]:
        """The parameters that affect the output for that task alone.

        None is a slice of a parameter that several tasks share: while the task is paused they have no gradient, so the
        optimiser leaves them bit-identical.
        """
        return ()
