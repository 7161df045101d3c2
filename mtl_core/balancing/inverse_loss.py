"""Inverse loss: every task is weighted by the inverse of the running mean of its loss.

The gradient of the logarithm of a loss is its gradient divided by the loss (Lin, Jiang, Ye, Zhang, Chen, Chen, Liu and
Kwok 2023, "Dual-Balancing for Multi-Task Learning", section 3.1). Departs from the paper: the divisor is a running
mean, since the loss of a small batch is noisy, and the declared weights of the tasks stay in effect.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from mtl_core.balancing.scalarisation import ScalarisationBalancer

MOMENTUM = 0.95
"""Weight of the previous running mean in the next one."""
EPSILON = 0.003
"""Added to the running mean, so that a task whose loss is almost 0 does not get all of the weight."""


class InverseLossBalancer(ScalarisationBalancer):
    """Scales each loss by 1 / (running mean + EPSILON); over all tasks with a running mean, the mean scale is 1.

    A task whose loss has become small still moves the shared parameters, even with another one whose labels are noise.
    """

    means: Tensor
    """(tasks,) running means of the losses without the declared weights; NaN before the first loss."""

    def __init__(self, weights: Sequence[float]) -> None:
        """`weights`: the declared weight of each task, by which its loss is already multiplied."""
        super().__init__()
        self._weights = torch.tensor(weights, dtype=torch.float64)
        self.register_buffer("means", torch.full((len(weights),), torch.nan, dtype=torch.float64))

    def total(self, positions: list[int], losses: Tensor) -> Tensor:
        unweighted = losses.detach().double() / self._weights[positions]
        before = self.means[positions]
        self.means[positions] = torch.where(before.isnan(), unweighted, before.lerp(unweighted, 1 - MOMENTUM))
        scales = 1 / (self.means.clamp(min=0) + EPSILON)
        scales = scales[positions] / scales.nanmean()
        return (scales.to(losses.dtype) * losses).sum() / len(self.means)
