"""Proportional odds layer: one score against rising thresholds (McCullagh 1980, section 2).

The log odds of being above class k are `eta - theta_k`, with one `eta` per row and the same rising thresholds `theta`
for all rows. It is written for "above", McCullagh's for "at most", hence the other sign; and `eta` is the output of a
head instead of a linear predictor.
"""

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from mtl_core.nn.monotone import inverse_monotone, monotone

MIN_DISTANCE = 1e-4
"""Minimum distance of two thresholds: far above rounding of float32, and a class of 1 in 40,000 rows still fits."""
MIN_DIFFERENCE = 1e-7
"""Minimum difference of two logits of a teacher, which may be equal."""


class Thresholds(nn.Module):
    """(..., width) -> (..., thresholds) logits that fall strictly, `eta - theta_k`.

    Initially `theta` gives the classes their share of the training labels where `eta` is 0. `eta` has no bias, since
    the thresholds act as one.
    """

    def __init__(self, width: int, at_most: NDArray[np.float64]) -> None:
        """`at_most`: (thresholds,) share of the labels in each class and those before it, but for the last class."""
        super().__init__()
        self.score = nn.Linear(width, 1, bias=False)
        thresholds = len(at_most)
        free = inverse_monotone(np.log(at_most / (1 - at_most)) - MIN_DISTANCE * np.arange(thresholds))
        self.free = nn.Parameter(torch.from_numpy(free).float())

    def forward(self, x: Tensor) -> Tensor:  # (..., width) -> (..., thresholds)
        distances = MIN_DISTANCE * torch.arange(len(self.free), device=x.device)
        logits: Tensor = self.score(x) - (monotone(self.free) + distances)
        return logits


def log_probabilities(logits: Tensor) -> Tensor:
    """(B, classes - 1) falling logits -> (B, classes) logarithms of probabilities.

    A class in the middle has sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a)), with a and b the
    logits at its two sides: a product, whose logarithm is exact where the difference is rounded to 0.
    """
    above, below = logits[:, :-1], logits[:, 1:]
    apart = (above - below).clamp(min=MIN_DIFFERENCE)
    middle = F.logsigmoid(above) + F.logsigmoid(-below) + (-torch.expm1(-apart)).log()
    return torch.cat([F.logsigmoid(-logits[:, :1]), middle, F.logsigmoid(logits[:, -1:])], dim=1)
