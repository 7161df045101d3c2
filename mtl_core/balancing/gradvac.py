"""GradVac: gradient vaccine, which turns gradients towards their average cosine so far.

Wang, Tsvetkov, Firat and Cao 2021, "Gradient Vaccine: Investigating and Improving Multi-task Optimization in Massively
Multilingual Models", ICLR, algorithm 1: each gradient is turned towards another where their cosine is below its moving
average, in random order, and the results are summed. With the initial averages of 0 it is `pcgrad`.
"""

from typing import ClassVar

import torch
from torch import Tensor
from torchjd.aggregation import Aggregator, GradVac

from mtl_core.balancing.aggregation import AggregationBalancer


class GradVacBalancer(AggregationBalancer):
    """torchjd's GradVac, with the averages of all pairs of tasks in a buffer, hence in a checkpoint."""

    method: ClassVar[str] = "gradvac"

    averages: Tensor
    """(tasks, tasks) moving averages of the cosines."""

    def __init__(self, tasks: tuple[str, ...], *, beta: float) -> None:
        """`beta`: weight of a step's cosine in the moving average."""
        super().__init__(tasks)
        self._beta = beta
        self.register_buffer("averages", torch.zeros(len(tasks), len(tasks)))

    def make_aggregator(self, positions: tuple[int, ...]) -> Aggregator:
        aggregator = GradVac(beta=self._beta)
        with torch.random.fork_rng(devices=[]):
            aggregator(torch.eye(len(positions)))  # creates its buffer, the moving averages, with zeros
        return aggregator

    def direction(self, positions: tuple[int, ...], jacobian: Tensor) -> Tensor:
        (averages,) = self.aggregator(positions).buffers()
        rows = torch.tensor(positions)
        averages.copy_(self.averages[rows[:, None], rows])
        direction = super().direction(positions, jacobian)
        self.averages[rows[:, None], rows] = averages
        return direction
