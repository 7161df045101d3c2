"""COSMOS: the sum of the losses weighted by preference, minus a multiple of the cosine of losses and preference.

Ruchte and Grabocka 2021, "Scalable Pareto Front Approximation for Deep Multi-Objective Learning", ICDM.

Departs from the paper: one preference is trained, not a network conditioned on sampled ones.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torchjd import scalarization

from mtl_core.balancing.base import normalised_preference
from mtl_core.balancing.scalarisation import ScalarisationBalancer


class COSMOSBalancer(ScalarisationBalancer):
    """`penalty` is the paper's lambda; `preference`: a positive number per task."""

    def __init__(self, *, penalty: float, preference: Sequence[float]) -> None:
        super().__init__()
        self._penalty, self._preference = penalty, torch.tensor(preference)

    def total(self, positions: list[int], losses: Tensor) -> Tensor:
        return scalarization.COSMOS(self._penalty, normalised_preference(self._preference, positions))(losses)
