"""The input layer: blocks of a batch -> a vector per row, and a vector per item of a sequence."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mtl_core.config import Model
from mtl_core.data.encoder import Encoder
from mtl_core.nn.sequences import GroupOutput, ItemSequence

ALIGNMENT = 8
"""Rows are padded with zeros to a multiple of this width, which makes the next matrix product faster."""


class Inputs(NamedTuple):
    """The rows of a batch, and the features with a value per item."""

    row: Tensor
    """(B, width)"""
    sequences: dict[str, ItemSequence]
    """Feature -> its items; `start` is a column of `row`."""

    def tokens(self, feature: str) -> Tensor:
        """(B, L, width): per item of that feature the row, with the item in place of the pooled items."""
        items, _, start = self.sequences[feature]
        rows = self.row.unsqueeze(1).expand(-1, items.shape[1], -1)
        return torch.cat([rows[..., :start], items, rows[..., start + items.shape[2] :]], dim=2)


class InputLayer(nn.Module):
    """Blocks by name, (B, ...) each -> `Inputs`: the parts of all kinds of feature, concatenated and scaled.

    Each column is multiplied by a learned scale (Holzmüller, Grinsztajn and Steinwart 2024, "Better by Default",
    section 3, "scaling layer").
    """

    def __init__(self, encoder: Encoder, options: Model) -> None:
        super().__init__()
        groups = {kind: type(group[0]).module(group, options) for kind, group in encoder.groups.items()}
        self.groups = nn.ModuleDict(groups)
        self._widths = [group.width for group in groups.values()]
        width = sum(self._widths)
        self.padding = -width % ALIGNMENT
        self.width = width + self.padding
        self.scale = nn.Parameter(torch.ones(width))

    def forward(self, blocks: dict[str, Tensor]) -> Inputs:
        parts: list[Tensor] = []
        sequences: dict[str, ItemSequence] = {}
        start = 0
        for group, width in zip(self.groups.values(), self._widths, strict=True):
            encoded: GroupOutput = group(blocks)
            parts += encoded.row
            for name, (items, mask, offset) in encoded.sequences.items():
                column = start + offset
                scaled = items * self.scale[column : column + items.shape[2]]
                sequences[name] = ItemSequence(scaled, mask, column)
            start += width
        return Inputs(F.pad(torch.cat(parts, dim=1) * self.scale, (0, self.padding)), sequences)
