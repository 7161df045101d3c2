"""The input layer: a batch's blocks as one row of numbers."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mtl_core.data.encoder import Encoder
from mtl_core.model.pieces import Pieces

__all__ = ["InputLayer", "looked_up"]

EMBEDDING_STD = 0.1
"""Of the initial embeddings. torch begins with 1, which drowns rare values in noise that few steps take away."""

ALIGNMENT = 8
"""The row is padded with zeros to a multiple of this: the matrix product behind it is faster so."""


class InputLayer(nn.Module):
    """{"ids": (B, C) shifted ids, "floats": (B, D)} -> (B, width); categorical columns share one embedding table."""

    def __init__(self, encoder: Encoder, embedding: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(encoder.id_count, embedding) if encoder.categorical else None
        if self.embedding is not None:
            nn.init.normal_(self.embedding.weight, std=EMBEDDING_STD)
        self.pieces = Pieces(encoder)
        width = len(encoder.categorical) * embedding + encoder.float_width + self.pieces.width
        self.padding = -width % ALIGNMENT
        self.width = width + self.padding

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        row = []
        if self.embedding is not None:
            ids, table = inputs["ids"], self.embedding
            rows = looked_up(ids.long(), table.weight) if self.training else table(ids.int())
            row.append(rows.flatten(1))  # (B, C * E)
        if "floats" in inputs:
            row.append(inputs["floats"])  # (B, D)
        if self.pieces.width:
            row.append(self.pieces(inputs["floats"]))  # (B, P)
        row[-1] = F.pad(row[-1], (0, self.padding))
        return torch.cat(row, dim=1)  # (B, width)


def looked_up(ids: Tensor, table: Tensor) -> Tensor:
    """(B, C) int64 ids, (rows, E) -> (B, C, E), as `F.embedding`, whose gradient takes four times as long to add up."""
    rows: Tensor = _Rows.apply(ids.flatten(), table)  # type: ignore[no-untyped-call]  # torch leaves it untyped
    return rows.view(*ids.shape, table.shape[-1])


class _Rows(torch.autograd.Function):
    """Rows of a table; what arrives at the same row is added up in a fixed order."""

    @staticmethod
    def forward(ids: Tensor, table: Tensor) -> Tensor:  # (N,), (rows, E) -> (N, E)
        return table.index_select(0, ids)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ids, table = inputs
        ctx.save_for_backward(ids)
        ctx.rows = len(table)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor]:
        (ids,) = ctx.saved_tensors
        return None, gradient.new_zeros(ctx.rows, gradient.shape[-1]).index_add_(0, ids, gradient)
