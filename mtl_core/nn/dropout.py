"""Dropout that draws random bits for four elements at once; torch's own takes a quarter of a training step."""

import torch
from torch import Tensor, nn

STEPS = 2**16
"""A rate is rounded to a multiple of 1 / STEPS, the resolution of 16 random bits."""


class FastDropout(nn.Dropout):
    """`dropout` in training mode, the identity in evaluation mode."""

    def forward(self, x: Tensor) -> Tensor:
        return dropout(x, self.p) if self.training else x


def dropout(x: Tensor, rate: float) -> Tensor:
    """Set each element to 0 with probability `rate`, in [0, 1), rounded to 1/65,536.

    The others are scaled so that the mean stays (Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov 2014,
    section 4, scaled in training). Draws 16 bits per element from torch's generator, 64 at a time.
    """
    steps = min(round(rate * STEPS), STEPS - 1)
    if not steps:
        return x
    words = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
    bits = words.view(torch.int16)[: x.numel()].view(x.shape)
    mask = bits.ge_(steps - STEPS // 2)  # 1 or 0, in place: comparing into a new tensor of bools is four times slower
    return x * mask.to(x.dtype).mul_(STEPS / (STEPS - steps))
