"""Aligned-MTL: the gradients are made orthogonal and of equal length, and averaged.

Senushkin, Patakin, Kuznetsov and Konushin 2023, "Independent Component Alignment for Multi-Task Learning", CVPR,
algorithm 1.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

from torchjd.aggregation import Aggregator, AlignedMTL

from mtl_core.balancing.aggregation import AggregationBalancer


class AlignedMTLBalancer(AggregationBalancer):
    """`scale`: summary of the Jacobian's singular values that is the common length; `min` as in the paper."""

    method: ClassVar[str] = "aligned_mtl"

    def __init__(
        self, tasks: tuple[str, ...], *, preference: Sequence[float], scale: Literal["min", "median", "rmse"]
    ) -> None:
        super().__init__(tasks, preference=preference)
        self._scale = scale

    def make_aggregator(self, positions: tuple[int, ...]) -> Aggregator:
        return AlignedMTL(self.preference(positions), scale_mode=self._scale)
