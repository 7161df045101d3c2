"""IMTL-G: the vector whose projections on all gradients are equally long.

Liu, Li, Kuang, Xue, Chen, Yang, Liao and Zhang 2021, "Towards Impartial Multi-task Learning", ICLR, section 3.1; for
dependent gradients Quinton and Rey 2024, "Jacobian Descent for Multi-Objective Optimization".

Departs from the paper: the weights that sum to 1 are those of gradients of one length. With the gradients as they are,
their sum can be below 0 before it is scaled to 1, and the direction raises every loss.
"""

from typing import ClassVar

from torchjd import aggregation
from torchjd.aggregation import Aggregator

from mtl_core.balancing.aggregation import AggregationBalancer


class IMTLGBalancer(AggregationBalancer):
    """The aggregator gets gradients of one length."""

    method: ClassVar[str] = "imtl_g"
    normalize_gradients: ClassVar[bool] = True

    def make_aggregator(self, positions: tuple[int, ...]) -> Aggregator:
        return aggregation.IMTLG()
