"""Gradient vaccine: gradients are turned towards how well they used to agree (Wang 2021)."""

from typing import TYPE_CHECKING, Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from mtl_core.balancing.aggregation import Aggregation, AggregationBalancer
from mtl_core.balancing.base import Balancer

if TYPE_CHECKING:
    from torchjd.aggregation import Aggregator

__all__ = ["GradVac"]


class GradVac(Aggregation):
    """Each gradient is turned towards another where their cosine is below its moving average, one after another in
    random order, and the turned ones are summed (Wang 2021, algorithm 1). Starts as `pcgrad`, with averages of 0.
    """

    method: Literal["gradvac"] = "gradvac"
    beta: Annotated[float, Field(gt=0, le=1)] = 0.01
    """How much of a step's cosine goes into the moving average."""

    def aggregator(self, tasks: tuple[str, ...]) -> "Aggregator":
        from torchjd import aggregation

        aggregator = aggregation.GradVac(beta=self.beta)
        with torch.random.fork_rng(devices=[]):
            aggregator(torch.eye(len(tasks)))  # makes its buffer, the moving averages, and leaves them 0
        return aggregator

    def build(self, tasks: tuple[str, ...]) -> Balancer:
        self.refuse_missing()
        return GradVacBalancer(self, tasks)


class GradVacBalancer(AggregationBalancer):
    """Lends torchjd's GradVac the averages of the tasks that take part."""

    averages: Tensor
    """(tasks, tasks) moving averages of the cosines."""

    def __init__(self, options: GradVac, tasks: tuple[str, ...]) -> None:
        super().__init__(options, tasks)
        self.register_buffer("averages", torch.zeros(len(tasks), len(tasks)))

    def direction(self, positions: tuple[int, ...], jacobian: Tensor) -> Tensor:
        (lent,) = self.aggregator(positions).buffers()
        rows = torch.tensor(positions)
        lent.copy_(self.averages[rows[:, None], rows])
        direction = super().direction(positions, jacobian)
        self.averages[rows[:, None], rows] = lent
        return direction
