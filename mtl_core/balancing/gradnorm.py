"""GradNorm: gradient normalisation, which gives longer gradients to tasks that train slowly.

Chen, Badrinarayanan, Lee and Rabinovich 2018, "GradNorm: Gradient Normalization for Adaptive Loss Balancing in Deep
Multitask Networks", ICML, equations 1 and 2, algorithm 1: a weighted sum of the losses, whose weights are learned so
that the gradients of the weighted losses on the last shared layer have the lengths mean length * rate^alpha, where a
task's rate is its loss divided by its first loss, relative to the mean over tasks.

The weights start at 1 and are learned by Adam. After a step, the weights of the tasks that take part are scaled to the
sum that they had before; over all tasks it is their number, as in the paper. A task's first loss is that of the first
batch in which it takes part. No weight falls below 1e-3.
"""

import math

import torch
from torch import Tensor

from mtl_core.balancing.base import Balancer, Losses, SharedParameters
from mtl_core.balancing.jacobian import refuse_infinite
from mtl_core.balancing.scalarisation import MIN_LOSS, refuse_negative
from mtl_core.balancing.task_adam import TaskAdam

MIN_WEIGHT = 1e-3
"""Lower bound of a weight: momentum could make it negative, and maximise the task's loss."""


class GradNormBalancer(Balancer):
    """`learning_rate` is that of the weights."""

    first: Tensor
    """(tasks,) first losses; NaN for tasks that have not taken part."""

    def __init__(self, tasks: tuple[str, ...], *, alpha: float, learning_rate: float) -> None:
        super().__init__()
        self._tasks, self._alpha = tasks, alpha
        self.weights = TaskAdam(torch.ones(len(tasks)), learning_rate=learning_rate)
        self.register_buffer("first", torch.full((len(tasks),), math.nan))

    def backward(self, losses: Losses, shared: SharedParameters) -> None:
        positions, stacked = list(losses), torch.stack(list(losses.values()))
        refuse_negative("gradnorm", self._tasks, positions, stacked)
        norms = self._norms(losses, shared)
        torch.autograd.backward((self.weights.values[positions] * stacked).sum())
        self._update(norms, stacked.detach(), positions)

    def _norms(self, losses: Losses, shared: SharedParameters) -> Tensor:
        """(present,) norms of the losses' gradients on the last shared layer; 0 where a loss does not depend on it."""
        assert shared.last is not None, "the problem's validation refuses this method where nothing is shared"
        norms = torch.zeros(len(losses))
        for row, loss in enumerate(losses.values()):
            (gradient,) = torch.autograd.grad(loss, shared.last, retain_graph=True, allow_unused=True)
            if gradient is not None:
                norms[row] = gradient.norm()
        refuse_infinite(norms, self._tasks, tuple(losses))
        return norms

    def _update(self, norms: Tensor, losses: Tensor, positions: list[int]) -> None:
        first = self.first[positions]
        first = torch.where(first.isnan(), losses, first)
        self.first[positions] = first
        if len(positions) > 1:
            weights = self.weights.values[positions]
            self.weights.step(positions, weights_gradient(weights, norms, losses, first, self._alpha))
            updated = self.weights.values[positions].clamp(min=MIN_WEIGHT)
            self.weights.values[positions] = updated * (weights.sum() / updated.sum())


def weights_gradient(weights: Tensor, norms: Tensor, losses: Tensor, first: Tensor, alpha: float) -> Tensor:
    """Gradient of equation 2 with respect to the weights, with constant targets; (present,) each.

    `norms` are those of the unweighted losses' gradients, hence the derivatives of the weighted norms.
    """
    loss_ratios = losses / first.clamp(min=MIN_LOSS)
    rates = loss_ratios / loss_ratios.mean().clamp(min=MIN_LOSS)
    lengths = weights * norms
    return torch.sign(lengths - lengths.mean() * rates**alpha) * norms
