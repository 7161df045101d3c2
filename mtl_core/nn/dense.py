"""Numbers of a block, unchanged, with or without embeddings of another block's ids."""

from torch import Tensor

from mtl_core.nn.embedding import SharedEmbedding
from mtl_core.nn.sequences import GroupModule, GroupOutput


class DenseAndEmbedding(GroupModule):
    """(B, D) numbers of one block and, optionally, (B, C) ids of another -> (B, D + C * E)."""

    def __init__(self, block: str, numbers: int, embedding: SharedEmbedding | None = None) -> None:
        """numbers: columns of the block, 0 without one."""
        super().__init__()
        self.block, self.numbers, self.embedding = block, numbers, embedding
        self.width = numbers + (embedding.width if embedding is not None else 0)

    def forward(self, blocks: dict[str, Tensor]) -> GroupOutput:
        numbers = (blocks[self.block],) if self.numbers else ()
        embedded = self.embedding(blocks).row if self.embedding is not None else ()
        return GroupOutput((*numbers, *embedded), {})
