"""Learned scales: a number per task that the network's optimiser learns with the network."""

from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn

from mtl_core.balancing.base import Balancer, Balancing
from mtl_core.balancing.scalarisations import Scalarised, refuse_negative

if TYPE_CHECKING:
    from torchjd.scalarization import Scalarizer

__all__ = ["IMTLL", "UW"]


class UW(Balancing):
    """Uncertainty weighting: the sum of `exp(-s) loss / 2 + s / 2` over the tasks, each with an s of its own, the
    logarithm of the task's noise variance (Kendall 2018, equation 7). At its optimum `exp(-s) loss` is 1.
    """

    method: Literal["uw"] = "uw"

    def build(self, tasks: tuple[str, ...]) -> Balancer:
        from torchjd import scalarization

        return ScaleBalancer(self.method, tasks, [scalarization.UW(()) for _ in tasks])


class IMTLL(Balancing):
    """Impartial losses: the sum of `exp(s) loss - s` over the tasks, each with an s of its own (IMTL-L, Liu 2021,
    section 3.2). At its optimum `exp(s) loss` is 1.
    """

    method: Literal["imtl_l"] = "imtl_l"

    def build(self, tasks: tuple[str, ...]) -> Balancer:
        from torchjd import scalarization

        return ScaleBalancer(self.method, tasks, [scalarization.IMTLL(()) for _ in tasks])


class ScaleBalancer(Scalarised):
    """A scalarisation of one loss per task, so that a task that takes no part leaves its scale without a gradient."""

    def __init__(self, method: str, tasks: tuple[str, ...], scales: "list[Scalarizer]") -> None:
        super().__init__()
        self._method, self._tasks = method, tasks
        self.scales = nn.ModuleList(scales)

    def total(self, positions: list[int], losses: Tensor) -> Tensor:
        refuse_negative(self._method, self._tasks, positions, losses)
        scaled = [self.scales[position](loss) for position, loss in zip(positions, losses, strict=True)]
        return torch.stack(scaled).sum()
