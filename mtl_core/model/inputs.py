"""The input layer: a batch's blocks as one row of numbers."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mtl_core.data.encoder import Encoder

__all__ = ["InputLayer"]

ALIGNMENT = 8
"""The row is padded with zeros to a multiple of this: the matrix product behind it is faster so."""


class InputLayer(nn.Module):
    """{"ids": (B, C) shifted ids, "floats": (B, D)} -> (B, width); categorical columns share one embedding table."""

    def __init__(self, encoder: Encoder, embedding: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(encoder.id_count, embedding) if encoder.categorical else None
        width = len(encoder.categorical) * embedding + encoder.float_width
        self.padding = -width % ALIGNMENT
        self.width = width + self.padding

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        row = []
        if self.embedding is not None:
            row.append(self.embedding(inputs["ids"].int()).flatten(1))  # (B, C * E)
        if "floats" in inputs:
            row.append(inputs["floats"])  # (B, D)
        return F.pad(torch.cat(row, dim=1), (0, self.padding))  # (B, width)
