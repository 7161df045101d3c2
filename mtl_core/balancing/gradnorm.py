"""Gradient normalisation: tasks that lag behind get longer gradients (Chen 2018)."""

import math
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from mtl_core.balancing.base import Balancer, Balancing, Losses, Shared
from mtl_core.balancing.jacobian import refuse_infinite
from mtl_core.balancing.scalarisations import LEAST_LOSS, refuse_negative
from mtl_core.balancing.task_adam import TaskAdam

__all__ = ["GradNorm", "weights_gradient"]

LEAST_WEIGHT = 1e-3
"""Momentum could carry a weight below 0, where its task would be trained to get worse."""


class GradNorm(Balancing):
    """A weighted sum of the losses, whose weights are learned so that the gradients of the weighted losses on the last
    shared layer have the lengths `mean length * rate ** alpha`, where a task's rate is its loss by its first one,
    relative to the tasks' mean (Chen 2018, equations 1 and 2, algorithm 1).

    The weights start at 1 and are learned by Adam; those of the tasks that take part are then scaled to their former
    sum, which over all tasks is their number, as in the paper. A task's first loss is that of the first batch it takes
    part in. No weight falls below 1e-3.
    """

    needs_sharing: ClassVar[bool] = True

    method: Literal["gradnorm"] = "gradnorm"
    alpha: Annotated[float, Field(ge=0)] = 1.5
    """How strongly tasks that lag behind are pulled back; 0 makes all lengths equal."""
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.025
    """Of the weights."""

    def build(self, tasks: tuple[str, ...]) -> Balancer:
        return GradNormBalancer(self, tasks)


class GradNormBalancer(Balancer):
    """The weights, their optimiser and the first losses."""

    first: Tensor
    """(tasks,) first losses; NaN where a task took no part yet."""

    def __init__(self, options: GradNorm, tasks: tuple[str, ...]) -> None:
        super().__init__()
        self._options, self._tasks = options, tasks
        self.weights = TaskAdam(torch.ones(len(tasks)), learning_rate=options.learning_rate)
        self.register_buffer("first", torch.full((len(tasks),), math.nan))

    def backward(self, losses: Losses, shared: Shared) -> None:
        positions, stacked = list(losses), torch.stack(list(losses.values()))
        refuse_negative("gradnorm", self._tasks, positions, stacked)
        norms = self._norms(losses, shared)
        torch.autograd.backward((self.weights.values[positions] * stacked).sum())
        self._learn(norms, stacked.detach(), positions)

    def _norms(self, losses: Losses, shared: Shared) -> Tensor:
        """(present,) lengths of the losses' gradients on the last shared layer; 0 where a loss does not reach it."""
        assert shared.last is not None, "a method that needs sharing is refused where nothing is shared"
        norms = torch.zeros(len(losses))
        for row, loss in enumerate(losses.values()):
            (gradient,) = torch.autograd.grad(loss, shared.last, retain_graph=True, allow_unused=True)
            if gradient is not None:
                norms[row] = gradient.norm()
        refuse_infinite(norms, self._tasks, tuple(losses))
        return norms

    def _learn(self, norms: Tensor, losses: Tensor, positions: list[int]) -> None:
        first = self.first[positions]
        first = torch.where(first.isnan(), losses, first)
        self.first[positions] = first
        if len(positions) > 1:
            weights = self.weights.values[positions]
            self.weights.step(positions, weights_gradient(weights, norms, losses, first, self._options.alpha))
            moved = self.weights.values[positions].clamp(min=LEAST_WEIGHT)
            self.weights.values[positions] = moved * (weights.sum() / moved.sum())


def weights_gradient(weights: Tensor, norms: Tensor, losses: Tensor, first: Tensor, alpha: float) -> Tensor:
    """Gradient of equation 2 by the weights, its targets held constant; (present,) each.

    `norms` are the lengths of the unweighted losses' gradients, hence how fast a weight changes its length.
    """
    progress = losses / first.clamp(min=LEAST_LOSS)
    rates = progress / progress.mean().clamp(min=LEAST_LOSS)
    lengths = weights * norms
    return torch.sign(lengths - lengths.mean() * rates**alpha) * norms
