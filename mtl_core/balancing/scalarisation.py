"""Base class of scalarisations: the losses are reduced to one number, which is minimised."""

from abc import abstractmethod

import torch
from torch import Tensor

from mtl_core.balancing.base import Balancer, Losses, SharedParameters
from mtl_core.errors import TrainingError

MIN_LOSS = 1e-8
"""Lower bound of a loss whose logarithm or inverse is taken."""


class ScalarisationBalancer(Balancer):
    """Reduces the losses of the tasks that take part to one number."""

    @abstractmethod
    def total(self, positions: list[int], losses: Tensor) -> Tensor:
        """(present,) losses of the tasks at those positions -> ()."""

    def backward(self, losses: Losses, shared: SharedParameters) -> None:
        torch.autograd.backward(self.total(list(losses), torch.stack(list(losses.values()))))


def refuse_negative(method: str, tasks: tuple[str, ...], positions: list[int], losses: Tensor) -> None:
    """Raise TrainingError if one of the (present,) losses is negative, for which the method is not defined."""
    for position, loss in zip(positions, losses.tolist(), strict=True):
        if loss < 0:
            raise TrainingError(
                f"training.balancing.method: {method} needs losses of 0 or more, found {loss:g} of task "
                f"{tasks[position]!r}; use another method, or another loss for the task"
            )
