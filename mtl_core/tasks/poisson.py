"""The Poisson deviance: how far a count is from an expected rate (McCullagh and Nelder 1989, section 2.3)."""

import numpy as np
from torch import Tensor

from mtl_core.tasks.metrics import Array, RowMean

__all__ = ["DEVIANCE", "half_deviance", "rate"]

HIGHEST_LOG = 60.0
"""Rates end at e^60, about 1e26, and e^-60: float32 holds them, and a batch's losses far beyond them."""


def _deviance(labels: Array, predictions: Array) -> Array:
    """Per row; NaN where the prediction is no rate, since it is not above 0."""
    counts, rates = labels.astype(np.float64), predictions.astype(np.float64)
    rates = np.where(rates > 0, rates, np.nan)
    ratios = np.where(counts > 0, counts / rates, 1.0)
    return np.asarray(2 * (counts * np.log(ratios) - counts + rates))


DEVIANCE = RowMean(name="poisson_deviance", higher_is_better=False, rows=_deviance)


def rate(log_rate: Tensor) -> Tensor:
    """The rate of its logarithm; finite and above 0."""
    return log_rate.clamp(-HIGHEST_LOG, HIGHEST_LOG).exp()


def half_deviance(log_rate: Tensor, log_count: Tensor) -> Tensor:
    """(B,) logarithms of rates and of counts (or other numbers), -inf for none -> (B,) losses, 0 where they are equal.

    `count (ratio - 1 - log ratio)`, with the ratio of rate to count: the negative log likelihood less what it is at
    best, in a form that rounding does not make negative. Its gradient is rate - count, as far as e^60; from there the
    loss goes on as a straight line.
    """
    bounded = log_rate.double().clamp(max=HIGHEST_LOG)  # float32 has no room for the ratio
    log_count = log_count.double().clamp(-HIGHEST_LOG, HIGHEST_LOG)
    count, log_ratio = log_count.exp(), bounded - log_count
    beyond = (log_rate - bounded) * (bounded.exp() - count)
    return (count * (log_ratio.expm1() - log_ratio) + beyond).to(log_rate.dtype)
