"""Fast adaptive multitask optimisation: all losses fall at about the same rate (Liu 2023)."""

from collections.abc import Callable
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from mtl_core.balancing.base import Balancer, Balancing, Losses
from mtl_core.balancing.scalarisations import LEAST_LOSS, Scalarised, refuse_negative
from mtl_core.balancing.task_adam import TaskAdam

__all__ = ["FAMO"]


class FAMO(Balancing):
    """The sum of `z log(loss)`, scaled to a convex combination of gradients, where z is the softmax of a logit per
    task; after each step Adam moves the logits by how much the step lowered each logarithm (Liu 2023, algorithm 1).

    z is over the tasks that take part, and theirs are the logits that move. Every loss counts as 1e-8 more than it is.
    """

    method: Literal["famo"] = "famo"
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.025
    """Of the logits; the paper uses 0.025."""
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 1e-3
    """Of the logits, the paper's gamma: pulls the weights together."""

    def build(self, tasks: tuple[str, ...]) -> Balancer:
        return FAMOBalancer(self, tasks)


class FAMOBalancer(Scalarised):
    """The weighted sum is torchjd's. The step of the logits is not: its Adam is out of a checkpoint's sight, and would
    move the logits of tasks that take no part.
    """

    def __init__(self, options: FAMO, tasks: tuple[str, ...]) -> None:
        super().__init__()
        self._tasks = tasks
        start = torch.zeros(len(tasks))
        self.logits = TaskAdam(start, learning_rate=options.learning_rate, weight_decay=options.weight_decay)
        self._before: tuple[list[int], Tensor] = [], start

    def total(self, positions: list[int], losses: Tensor) -> Tensor:
        from torchjd import scalarization

        refuse_negative("famo", self._tasks, positions, losses)
        self._before = positions, losses.detach()
        weighted = scalarization.FAMO(len(positions))
        torch.nn.utils.vector_to_parameters(self.logits.values[positions], weighted.parameters())
        return weighted(losses)

    def after_step(self, losses: Callable[[], Losses]) -> None:
        positions, before = self._before
        again = losses()
        after = torch.stack([again[position] for position in positions])
        refuse_negative("famo", self._tasks, positions, after)
        fall = (before + LEAST_LOSS).log() - (after + LEAST_LOSS).log()
        weights = self.logits.values[positions].softmax(dim=0)
        self.logits.step(positions, weights * (fall - weights @ fall))
