"""Aligned-MTL: the gradients are made orthogonal and of one length, and averaged.

Senushkin, Patakin, Kuznetsov and Konushin 2023, "Independent Component Alignment for Multi-Task Learning", CVPR,
algorithm 1.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from torchjd import aggregation
from torchjd.aggregation import Aggregator

from mtl_core.balancing.aggregation import AggregationBalancer
from mtl_core.balancing.preference import shares


class AlignedMTLBalancer(AggregationBalancer):
    """`scale`: which of the Jacobian's singular values is the length, the smallest as in the paper, or another."""

    method: ClassVar[str] = "aligned_mtl"

    def __init__(
        self, tasks: tuple[str, ...], *, preference: Sequence[float], scale: Literal["min", "median", "rmse"]
    ) -> None:
        super().__init__(tasks)
        self._preference, self._scale = torch.tensor(preference), scale

    def make_aggregator(self, positions: tuple[int, ...]) -> Aggregator:
        return aggregation.AlignedMTL(shares(self._preference, positions), scale_mode=self._scale)
