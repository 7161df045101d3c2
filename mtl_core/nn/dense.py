"""The part of the input layer for blocks that enter the network as they are."""

from torch import Tensor

from mtl_core.nn.sequences import Encoded, GroupModule

__all__ = ["DenseBlock"]


class DenseBlock(GroupModule):
    """(B, width) numbers of one block, unchanged; it learns nothing."""

    def __init__(self, block: str, width: int) -> None:
        super().__init__()
        self.block, self.width = block, width

    def forward(self, blocks: dict[str, Tensor]) -> Encoded:
        return Encoded((blocks[self.block],), {})
