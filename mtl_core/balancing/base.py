"""Base class of all balancings."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

Losses = Mapping[int, Tensor]
"""Position of a task -> its loss (), for the tasks that take part in the batch: labelled, and not paused."""


@dataclass(frozen=True, kw_only=True)
class SharedParameters:
    """The parameters that several tasks share, in the order of the forward pass."""

    parameters: tuple[nn.Parameter, ...]
    last: nn.Parameter | None
    """The weights of the last shared layer; None if nothing is shared."""


class Balancer(nn.Module, ABC):
    """Gradients from the losses of a batch. Its parameters are trained with the network's, without weight decay.

    Tasks are identified by position. For a task that takes no part nothing changes: the parameters that it alone uses
    get no gradient (None, not 0), and its state in the balancer stays. All state that outlives an epoch is in
    `state_dict`, since checkpoints are taken between epochs.
    """

    @abstractmethod
    def backward(self, losses: Losses, shared: SharedParameters) -> None:
        """Set `.grad`, None before, of every parameter that a loss depends on. There is at least one loss."""

    def before_epoch(self) -> None:
        """Callback before the first batch of every epoch."""
        return

    def after_step(self, losses: Callable[[], Losses]) -> None:
        """Callback after the optimiser step; `losses` recomputes the batch's losses, without gradients."""
        return

    def after_epoch(self, means: Mapping[int, float]) -> None:
        """Callback after the last batch of every epoch with the mean loss of each task that took part in it."""
        return


def normalised_preference(preference: Tensor, positions: Sequence[int]) -> Tensor:
    """(tasks,) preferences -> (present,) those at the positions, scaled to sum to 1."""
    present = preference[list(positions)]
    return present / present.sum()
