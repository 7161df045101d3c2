"""IMTL-G: the vector with equal projections onto all gradients.

Liu, Li, Kuang, Xue, Chen, Yang, Liao and Zhang 2021, "Towards Impartial Multi-task Learning", ICLR, section 3.1; for
dependent gradients Quinton and Rey 2024, "Jacobian Descent for Multi-Objective Optimization".

Departs from the paper: the weights, which sum to 1, are those of normalised gradients. For the original gradients their
sum can be negative before it is scaled to 1; then the direction raises every loss.
"""

from typing import ClassVar

from torchjd.aggregation import IMTLG, Aggregator

from mtl_core.balancing.aggregation import AggregationBalancer


class IMTLGBalancer(AggregationBalancer):
    """IMTL-G on normalised gradients."""

    method: ClassVar[str] = "imtl_g"
    normalize_gradients: ClassVar[bool] = True

    def make_aggregator(self, positions: tuple[int, ...]) -> Aggregator:
        return IMTLG()
