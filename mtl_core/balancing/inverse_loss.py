"""Inverse loss: every task is weighted by the inverse of the running mean of its loss.

The gradient of the logarithm of a loss is its gradient over the loss (Lin, Jiang, Ye, Zhang, Chen, Chen, Liu and Kwok
2023, "Dual-Balancing for Multi-Task Learning", section 3.1). Departs from the paper in that the loss in the denominator
is a running mean, since that of a small batch is noise, and in that the tasks' own weights remain.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from mtl_core.balancing.scalarisation import ScalarisationBalancer

MOMENTUM = 0.95
"""Share of the running mean that a step keeps."""
MIN_LOSS = 0.003
"""Added to the running mean, so that a task whose loss is almost 0 does not take all of the weight."""


class InverseLossBalancer(ScalarisationBalancer):
    """Scales every loss by 1 / (its running mean + MIN_LOSS); the scales of all tasks that were seen have mean 1.

    A precise task, whose loss has become small, still moves the shared parameters beside one whose labels are noise.
    """

    means: Tensor
    """(tasks,) running means of the losses without the tasks' own weights; NaN before the first."""

    def __init__(self, weights: Sequence[float]) -> None:
        """`weights`: the factor by which each task's loss is multiplied already."""
        super().__init__()
        self._weights = torch.tensor(weights, dtype=torch.float64)
        self.register_buffer("means", torch.full((len(weights),), torch.nan, dtype=torch.float64))

    def total(self, positions: list[int], losses: Tensor) -> Tensor:
        seen = losses.detach().double() / self._weights[positions]
        before = self.means[positions]
        self.means[positions] = torch.where(before.isnan(), seen, before.lerp(seen, 1 - MOMENTUM))
        scales = 1 / (self.means.clamp(min=0) + MIN_LOSS)
        scales = scales[positions] / scales.nanmean()
        return (scales.to(losses.dtype) * losses).sum() / len(self.means)
