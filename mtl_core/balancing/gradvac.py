"""GradVac: gradient vaccine, gradients are turned towards how well they used to agree.

Wang, Tsvetkov, Firat and Cao 2021, "Gradient Vaccine: Investigating and Improving Multi-task Optimization in Massively
Multilingual Models", ICLR, algorithm 1: each gradient is turned towards another where their cosine is below its moving
average, one after another in random order, and the results are summed. It starts as `pcgrad`, with averages of 0.
"""

from typing import ClassVar

import torch
from torch import Tensor
from torchjd import aggregation
from torchjd.aggregation import Aggregator

from mtl_core.balancing.aggregation import AggregationBalancer


class GradVacBalancer(AggregationBalancer):
    """Lends torchjd's GradVac the averages of the tasks that take part, which are kept here, in the checkpoint."""

    method: ClassVar[str] = "gradvac"

    averages: Tensor
    """(tasks, tasks) moving averages of the cosines."""

    def __init__(self, tasks: tuple[str, ...], *, beta: float) -> None:
        """`beta`: weight of a step's cosine in the moving average."""
        super().__init__(tasks)
        self._beta = beta
        self.register_buffer("averages", torch.zeros(len(tasks), len(tasks)))

    def make_aggregator(self, positions: tuple[int, ...]) -> Aggregator:
        aggregator = aggregation.GradVac(beta=self._beta)
        with torch.random.fork_rng(devices=[]):
            aggregator(torch.eye(len(positions)))  # makes its buffer, the moving averages, and leaves them 0
        return aggregator

    def direction(self, positions: tuple[int, ...], jacobian: Tensor) -> Tensor:
        (lent,) = self.aggregator(positions).buffers()
        rows = torch.tensor(positions)
        lent.copy_(self.averages[rows[:, None], rows])
        direction = super().direction(positions, jacobian)
        self.averages[rows[:, None], rows] = lent
        return direction
