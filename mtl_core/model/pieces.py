"""The piecewise-linear encoding of numbers (Gorishniy, Rubachev and Babenko 2022, "On embeddings for numerical features
in tabular deep learning", equation 1).

The encoded splits hold a number once; its pieces are made batch by batch, and are part of the exported network.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from mtl_core.data.encoder import Encoder

__all__ = ["Pieces"]


class Pieces(nn.Module):
    """(B, D) floats -> (B, P): for every piece of every number with knots, from 0 before it to 1 after it.

    Departs from the paper in that the first and the last piece are clipped too: no value lies outside the range seen in
    training once it is encoded.
    """

    column: Tensor
    start: Tensor
    slope: Tensor

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        found = [(column, *ends) for column, knots in encoder.knots.items() for ends in pairwise(knots)]
        self.width = len(found)
        columns, lows, highs = zip(*found, strict=True) if found else ((), (), ())
        low, high = (torch.tensor(ends, dtype=torch.float64) for ends in (lows, highs))
        # Not in the state: the encoder says them, and weights are what was learned.
        self.register_buffer("column", torch.tensor(columns, dtype=torch.int64), persistent=False)
        self.register_buffer("start", low.float(), persistent=False)
        self.register_buffer("slope", (1 / (high - low)).float(), persistent=False)

    def forward(self, floats: Tensor) -> Tensor:
        return ((floats.index_select(1, self.column) - self.start) * self.slope).clamp(0, 1)
