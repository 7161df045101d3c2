"""Base class of the methods that train a scale per task with the network."""

from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn
from torchjd.scalarization import Scalarizer

from mtl_core.balancing.scalarisation import ScalarisationBalancer, refuse_negative


class ScaleBalancer(ScalarisationBalancer):
    """A scalarisation per task, so that the scale of a task that takes no part has no gradient."""

    method: ClassVar[str]

    def __init__(self, tasks: tuple[str, ...]) -> None:
        super().__init__()
        self._tasks = tasks
        self.scales = nn.ModuleList(self.scale() for _ in tasks)

    @abstractmethod
    def scale(self) -> Scalarizer:
        """The scalarisation of one loss, with its learned scale."""

    def total(self, positions: list[int], losses: Tensor) -> Tensor:
        refuse_negative(self.method, self._tasks, positions, losses)
        scaled = [self.scales[position](loss) for position, loss in zip(positions, losses, strict=True)]
        return torch.stack(scaled).sum()
