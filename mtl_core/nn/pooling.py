"""Mean of the embeddings of a list's items."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mtl_core.nn.embedding import EMBEDDING_STD, embedding_lookup
from mtl_core.nn.sequences import GroupModule, GroupOutput, ItemSequence


class MeanEmbeddings(GroupModule):
    """(B, L) ids of several blocks, 0 without an item -> (B, blocks * E): the mean embedding of each row's items.

    A row without any item gets the table's row 0, which is learned. Every block has a separate table.
    """

    def __init__(self, blocks: Mapping[str, str], sizes: Mapping[str, int], embedding: int) -> None:
        """blocks: feature -> its block; sizes: feature -> its number of ids."""
        super().__init__()
        self.blocks = dict(blocks)
        self.width = len(blocks) * embedding
        tables = (torch.empty(sizes[feature], embedding).normal_(std=EMBEDDING_STD) for feature in blocks)
        # A list, not a dict by name: a feature may have the name of a module's attribute.
        self.tables = nn.ParameterList(tables)

    def forward(self, blocks: dict[str, Tensor]) -> GroupOutput:
        row, sequences, start = [], {}, 0
        for (feature, block), table in zip(self.blocks.items(), self.tables, strict=True):
            ids = blocks[block].long()  # (B, L)
            items = embedding_lookup(ids, table) if self.training else F.embedding(ids, table)  # (B, L, E)
            mask = ids != 0
            row.append(_mean(items, mask, table[0]))
            sequences[feature] = ItemSequence(items, mask, start)
            start += items.shape[2]
        return GroupOutput(tuple(row), sequences)


def _mean(items: Tensor, mask: Tensor, empty: Tensor) -> Tensor:
    """(B, L, E) items, (B, L) mask of present items, (E,) embedding of rows without any -> (B, E)."""
    counts = mask.sum(dim=1, keepdim=True)  # (B, 1)
    sums = (items * mask.unsqueeze(2)).sum(dim=1)
    return torch.where(counts > 0, sums / counts.clamp(min=1), empty)
