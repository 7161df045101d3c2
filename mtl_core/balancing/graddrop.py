"""GradDrop: per parameter, either the positive or the negative gradients are dropped at random.

Chen, Ngiam, Huang, Luong, Kretzschmar, Chai and Anguelov 2020, "Just Pick a Sign: Optimizing Deep Multitask Models with
Gradient Sign Dropout", NeurIPS, algorithm 1, lines 10 to 15, with the identity as f: the sign with the smaller sum is
dropped with the higher probability, and the rest is summed.
"""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torchjd.aggregation import Aggregator, GradDrop

from mtl_core.balancing.aggregation import AggregationBalancer


class GradDropBalancer(AggregationBalancer):
    """`leak`: per task, the share of its gradient that is never dropped."""

    method: ClassVar[str] = "graddrop"

    def __init__(self, tasks: tuple[str, ...], *, leak: Sequence[float]) -> None:
        super().__init__(tasks)
        self._leak = torch.tensor(leak)

    def make_aggregator(self, positions: tuple[int, ...]) -> Aggregator:
        return GradDrop(leak=self._leak[list(positions)])
