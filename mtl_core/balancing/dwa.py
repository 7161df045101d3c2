"""Dynamic weight average: who learns slowly weighs more (Liu 2019)."""

import math
from collections.abc import Mapping
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from mtl_core.balancing.base import Balancer, Balancing
from mtl_core.balancing.scalarisations import Scalarised

__all__ = ["DWA"]


class DWA(Balancing):
    """The softmax of the rates `mean loss of the last epoch / that of the one before`, times the number of tasks, as
    weights (Liu 2019, equation 7). Where a task has no such rate, it is 1: in the first two epochs, after an epoch in
    which it took no part, and where its losses are not above 0.
    """

    method: Literal["dwa"] = "dwa"
    temperature: Annotated[float, Field(gt=0)] = 2.0
    """The larger, the more even; 2 in the paper."""

    def build(self, tasks: tuple[str, ...]) -> Balancer:
        return DWABalancer(len(tasks), self.temperature)


class DWABalancer(Scalarised):
    """Hands torchjd's DWA the means of two epochs, which it would keep where no checkpoint sees them."""

    means: Tensor
    """(2, tasks) mean losses of the last epoch but one and of the last; NaN where there is none."""

    def __init__(self, tasks: int, temperature: float) -> None:
        super().__init__()
        self._temperature = temperature
        self.register_buffer("means", torch.full((2, tasks), math.nan, dtype=torch.float64))

    def total(self, positions: list[int], losses: Tensor) -> Tensor:
        from torchjd import scalarization

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
