"""Base class of all balancings."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

Losses = Mapping[int, Tensor]
"""Position of a task -> its loss (), for the tasks that take part in the batch: labelled, and not paused."""


@dataclass(frozen=True, kw_only=True)
class Shared:
    """The parameters that several tasks share, in the order of the forward pass."""

    parameters: tuple[nn.Parameter, ...]
    last: nn.Parameter | None
    """The weights of the last shared layer; None where nothing is shared."""


class Balancer(nn.Module, ABC):
    """Gradients from the losses of a batch. Its parameters are learned with the network's, without weight decay.

    Tasks are known by position. A task that takes no part moves nothing: its own parameters get no gradient (None, not
    0), and the state of the balancer about it does not change. All state that outlives an epoch is in `state_dict`, so
    that a training resumes from a checkpoint, which is always taken between two epochs, to the same result.
    """

    @abstractmethod
    def backward(self, losses: Losses, shared: Shared) -> None:
        """Fill `.grad` of every parameter that the losses reach; gradients are None before. At least one loss."""

    def before_epoch(self) -> None:
        """Called before the first batch of every epoch."""
        return

    def after_step(self, losses: Callable[[], Losses]) -> None:
        """Called after the optimizer's step; `losses` computes the same batch's losses again, without gradients."""
        return

    def after_epoch(self, means: Mapping[int, float]) -> None:
        """Called after the last batch of every epoch with the mean loss of each task that took part in it."""
        return
