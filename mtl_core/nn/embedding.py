"""Embeddings of ids: the look-up with a faster gradient, and a table that several columns share."""

from typing import Any

import torch
from torch import Tensor, nn

from mtl_core.nn.sequences import GroupModule, GroupOutput

EMBEDDING_STD = 0.1
"""Standard deviation of initial embeddings. With torch's 1, rare values, which few steps train, would stay noise."""


class SharedEmbedding(GroupModule):
    """(B, columns) ids of one block -> (B, columns * E); the columns share one table of `size` rows."""

    def __init__(self, block: str, size: int, columns: int, embedding: int) -> None:
        super().__init__()
        self.block, self.width = block, columns * embedding
        self.embedding = nn.Embedding(size, embedding)
        nn.init.normal_(self.embedding.weight, std=EMBEDDING_STD)

    def forward(self, blocks: dict[str, Tensor]) -> GroupOutput:
        ids, table = blocks[self.block], self.embedding
        rows = embedding_lookup(ids.long(), table.weight) if self.training else table(ids.int())
        return GroupOutput((rows.flatten(1),), {})


def embedding_lookup(ids: Tensor, table: Tensor) -> Tensor:
    """(..., C) int64 ids, (rows, E) -> (..., C, E), as `F.embedding`, whose gradient is four times slower."""
    rows: Tensor = _Rows.apply(ids.flatten(), table)  # type: ignore[no-untyped-call]  # torch leaves it untyped
    return rows.view(*ids.shape, table.shape[-1])


class _Rows(torch.autograd.Function):
    """Rows of a table; gradients that arrive at the same row are summed in a fixed order."""

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
