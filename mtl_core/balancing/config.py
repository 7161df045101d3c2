"""ConFIG: the direction that has the same cosine with every task's gradient.

Liu, Chu and Thuerey 2024, "ConFIG: Towards Conflict-free Training of Physics Informed Neural Networks", equation 2. Its
length is the sum of the gradients' projections on it.
"""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torchjd import aggregation
from torchjd.aggregation import Aggregator

from mtl_core.balancing.aggregation import AggregationBalancer
from mtl_core.balancing.preference import shares


class ConFIGBalancer(AggregationBalancer):
    """With preferences, the cosines have their proportions."""

    method: ClassVar[str] = "config"

    def __init__(self, tasks: tuple[str, ...], *, preference: Sequence[float]) -> None:
        """`preference`: a positive number per task."""
        super().__init__(tasks)
        self._preference = torch.tensor(preference)

    def make_aggregator(self, positions: tuple[int, ...]) -> Aggregator:
        return aggregation.ConFIG(shares(self._preference, positions))
