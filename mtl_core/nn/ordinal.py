"""Proportional odds layer: one score against ascending thresholds (McCullagh 1980, section 2).

The log odds of being above class k are `eta - theta_k`, with one `eta` per row and the same ascending thresholds
`theta` for all rows. McCullagh has the log odds of "at most", hence the opposite sign; `eta` is the output of a head
instead of a linear predictor.
"""

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from mtl_core.nn.monotone import inverse_monotone, monotone

MIN_DISTANCE = 1e-4
"""Minimum distance of two thresholds: far above rounding of float32, and below that of a class of 1 in 40,000 rows."""
MIN_DIFFERENCE = 1e-7
"""Minimum difference of adjacent logits; those of a teacher may be equal."""


class OrdinalThresholds(nn.Module):
    """(..., width) -> (..., thresholds) strictly descending logits, `eta - theta_k`.

    Initially `theta` gives the classes their share of the training labels where `eta` is 0. `eta` has no bias, since
    the thresholds act as one.
    """

    def __init__(self, width: int, cumulative_shares: NDArray[np.float64]) -> None:
        """cumulative_shares: (thresholds,) of the training labels, for each class but the last."""
        super().__init__()
        self.score = nn.Linear(width, 1, bias=False)
        thresholds = len(cumulative_shares)
        log_odds = np.log(cumulative_shares / (1 - cumulative_shares))
        free = inverse_monotone(log_odds - MIN_DISTANCE * np.arange(thresholds))
        self.free = nn.Parameter(torch.from_numpy(free).float())

    def forward(self, x: Tensor) -> Tensor:  # (..., width) -> (..., thresholds)
        distances = MIN_DISTANCE * torch.arange(len(self.free), device=x.device)
        logits: Tensor = self.score(x) - (monotone(self.free) + distances)
        return logits


def log_probabilities(logits: Tensor) -> Tensor:
    """(B, classes - 1) descending logits -> (B, classes) logarithms of probabilities.

    A class between the first and the last has probability sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b)
    (1 - exp(b - a)), with a and b the logits at its two sides: a product, whose logarithm is exact where the difference
    is rounded to 0.
    """
    a, b = logits[:, :-1], logits[:, 1:]
    difference = (a - b).clamp(min=MIN_DIFFERENCE)
    between = F.logsigmoid(a) + F.logsigmoid(-b) + (-torch.expm1(-difference)).log()
    return torch.cat([F.logsigmoid(-logits[:, :1]), between, F.logsigmoid(logits[:, -1:])], dim=1)
