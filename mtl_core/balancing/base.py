"""The contract of a balancing: how the losses of several tasks move one network."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from mtl_core.frozen import Frozen

__all__ = ["Balancer", "Balancing", "Losses", "Shared"]

Losses = Mapping[int, Tensor]
"""Position of a task -> its loss (), for the tasks that take part in the batch: labelled, and not at rest."""


@dataclass(frozen=True, kw_only=True)
class Shared:
    """What the tasks share of the network's parameters, in the order of the forward pass."""

    parameters: tuple[nn.Parameter, ...]
    last: nn.Parameter | None
    """The weights of the last shared layer; None where nothing is shared."""


class Balancer(nn.Module, ABC):
    """Turns the losses of a batch into gradients. Its parameters are learned with the network's, without decay.

    A task that takes no part moves nothing: its own parameters get no gradient (None, not 0), and what was learned
    about it stays as it is. Everything that it knows beyond one epoch is in `state_dict`, so that a training goes on
    from a checkpoint, which is always taken between two epochs, to the same result.
    """

    @abstractmethod
    def backward(self, losses: Losses, shared: Shared) -> None:
        """Fills `.grad` of every parameter that the losses reach; gradients are None before. At least one loss."""

    def before_epoch(self) -> None:
        """Called before the first batch of every epoch."""
        return

    def after_step(self, losses: Callable[[], Losses]) -> None:
        """Called after the optimiser's step; `losses` computes the same batch's losses again, without gradients."""
        return

    def after_epoch(self, means: Mapping[int, float]) -> None:
        """Called after the last batch of every epoch with the mean loss of each task that took part in it."""
        return


class Balancing(Frozen, ABC):
    """Options of a balancing, as `params.yaml` declares them."""

    needs_sharing: ClassVar[bool] = False
    """Whether it weighs the tasks' gradients on shared parameters."""
    by_task: ClassVar[str] = ""
    """The option that maps tasks' names to numbers, where there is one: what it names must be a declared task."""

    @abstractmethod
    def build(self, tasks: tuple[str, ...]) -> Balancer:
        """A balancer for those tasks, which it knows by position.

        Raises:
            ProblemError: a package that the method needs is not installed.
        """

    def numbers(self, tasks: tuple[str, ...], *, otherwise: float) -> Tensor:
        """(tasks,) what `by_task` says of each of those tasks, in order."""
        given: Mapping[str, float] = getattr(self, self.by_task)
        return torch.tensor([given.get(task, otherwise) for task in tasks])
