"""Poisson regression on logarithms of rates (McCullagh and Nelder 1989, section 2.3)."""

from torch import Tensor

MAX_LOG_RATE = 60.0
"""Rates are limited to e^60, about 1e26, and e^-60: float32 can represent them and the losses of a batch."""


def rate(log_rate: Tensor) -> Tensor:
    """exp(log_rate), finite and above 0."""
    return log_rate.clamp(-MAX_LOG_RATE, MAX_LOG_RATE).exp()


def half_deviance(log_rate: Tensor, log_count: Tensor) -> Tensor:
    """(B,) logarithms of rates and of counts (or other numbers), -inf for none -> (B,) losses, 0 where they are equal.

    `count (ratio - 1 - log ratio)`, with the ratio of rate to count: the negative log likelihood less its minimum, in a
    form that rounding does not make negative. Its gradient is rate - count up to a rate of e^60; above it the loss is
    linear.
    """
    bounded = log_rate.double().clamp(max=MAX_LOG_RATE)  # the ratio overflows float32
    log_count = log_count.double().clamp(-MAX_LOG_RATE, MAX_LOG_RATE)
    count, log_ratio = log_count.exp(), bounded - log_count
    linear = (log_rate - bounded) * (bounded.exp() - count)
    return (count * (log_ratio.expm1() - log_ratio) + linear).to(log_rate.dtype)
