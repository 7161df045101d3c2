"""Monotone sequences by construction: a first value, then softplus increments (Dugas 2001, section 3)."""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

MIN_STEP = 1e-6
"""Smallest increment that `inverse_monotone` returns: the softplus of no number is 0."""


def monotone(free: Tensor) -> Tensor:
    """(..., n) any numbers -> (..., n) ascending numbers."""
    first, steps = free[..., :1], F.softplus(free[..., 1:])
    return torch.cat([first, steps], dim=-1).cumsum(dim=-1)


def inverse_monotone(ascending: NDArray[Any]) -> NDArray[np.float64]:
    """(..., n) ascending numbers -> the (..., n) numbers that `monotone` maps to them."""
    steps = np.maximum(np.diff(ascending, axis=-1), MIN_STEP)
    return np.concatenate([ascending[..., :1], steps + np.log(-np.expm1(-steps))], axis=-1)
