"""DWA: dynamic weight average, which gives more weight to tasks whose losses fall slowly.

Liu, Johns and Davison 2019, "End-to-End Multi-Task Learning with Attention", CVPR, equation 7: the weights are the
softmax of the rates (mean loss of the last epoch / mean loss of the epoch before), times the number of tasks.

Where the rate is undefined it is 1: in the first two epochs, after an epoch in which the task took no part, and where a
loss is not above 0.
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor
from torchjd import scalarization

from mtl_core.balancing.scalarisation import ScalarisationBalancer


class DWABalancer(ScalarisationBalancer):
    """torchjd's DWA, with the mean losses in a buffer, since torchjd keeps them outside of its state."""

    means: Tensor
    """(2, tasks) mean losses of the last epoch but one and of the last; NaN where there is none."""

    def __init__(self, tasks: tuple[str, ...], *, temperature: float) -> None:
        super().__init__()
        self._temperature = temperature
        self.register_buffer("means", torch.full((2, len(tasks)), math.nan, dtype=torch.float64))

    def total(self, positions: list[int], losses: Tensor) -> Tensor:
        means = self.means[:, positions]  # (2, present)
        means = torch.where((means > 0).all(dim=0), means, 1.0).to(losses.dtype)
        weighted = scalarization.DWA(self._temperature)
        for epoch in means:
            weighted(epoch)
            weighted.step()
        return weighted(losses)

    def after_epoch(self, means: Mapping[int, float]) -> None:
        last = [means.get(task, math.nan) for task in range(self.means.shape[1])]
        self.means.copy_(torch.stack([self.means[1], self.means.new_tensor(last)]))
