"""The piecewise-linear encoding of numbers (PLE).

Source: Gorishniy, Rubachev and Babenko 2022, "On embeddings for numerical features in tabular deep learning", equation
1. Encoded splits store a number once; its encoding is computed batch by batch and is part of the exported network.
"""

from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import Tensor

from mtl_core.nn.sequences import GroupModule, GroupOutput


class PiecewiseLinear(GroupModule):
    """(B, D) numbers of one block -> (B, D + bins): the numbers, then their encoding.

    The encoding is, for every bin of every number with bin edges, a value from 0 below the bin to 1 above it. Unlike in
    the paper, the first and the last bin are clipped too: encoded values lie within the training range.
    """

    column: Tensor
    start: Tensor
    slope: Tensor

    def __init__(self, block: str, numbers: int, edges: Mapping[int, tuple[float, ...]]) -> None:
        """edges: column of the block -> its ascending bin edges."""
        super().__init__()
        bins = [(column, *ends) for column, column_edges in edges.items() for ends in pairwise(column_edges)]
        self.block, self.bins, self.width = block, len(bins), numbers + len(bins)
        columns, lows, highs = zip(*bins, strict=True) if bins else ((), (), ())
        low, high = (torch.tensor(ends, dtype=torch.float64) for ends in (lows, highs))
        # Not in the state, since the encoder stores the bin edges.
        self.register_buffer("column", torch.tensor(columns, dtype=torch.int64), persistent=False)
        self.register_buffer("start", low.float(), persistent=False)
        self.register_buffer("slope", (1 / (high - low)).float(), persistent=False)

    def forward(self, blocks: dict[str, Tensor]) -> GroupOutput:
        numbers = blocks[self.block]
        return GroupOutput((numbers, self.encode(numbers)) if self.bins else (numbers,), {})

    def encode(self, numbers: Tensor) -> Tensor:
        """Encode (B, D) numbers as (B, bins)."""
        return ((numbers.index_select(1, self.column) - self.start) * self.slope).clamp(0, 1)
