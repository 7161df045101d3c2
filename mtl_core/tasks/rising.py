"""Sequences that rise by construction: a first value, then softplus increments (Dugas 2001, section 3)."""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["rise", "unrise"]

LEAST_STEP = 1e-6
"""What rises by less, or falls, counts as rising by this much: the softplus of no number is 0."""


def rise(free: Tensor) -> Tensor:
    """(..., n) any numbers -> (..., n) numbers of which none is below the one before it."""
    first, steps = free[..., :1], F.softplus(free[..., 1:])
    return torch.cat([first, steps], dim=-1).cumsum(dim=-1)


def unrise(rising: NDArray[Any]) -> NDArray[np.float64]:
    """(..., n) rising numbers -> the (..., n) that `rise` makes them of."""
    steps = np.maximum(np.diff(rising, axis=-1), LEAST_STEP)
    return np.concatenate([rising[..., :1], steps + np.log(-np.expm1(-steps))], axis=-1)
