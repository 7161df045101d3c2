"""The contract of the input layer's parts: one module per kind of feature."""

from abc import ABC, abstractmethod
from typing import NamedTuple

from torch import Tensor, nn

__all__ = ["Encoded", "GroupModule", "Sequence"]


class Sequence(NamedTuple):
    """A feature with a value per item. `start` is the column, in the module's row, of what pools it."""

    items: Tensor
    """(B, L, W)"""
    mask: Tensor
    """(B, L) bool: the items that are there."""
    start: int


class Encoded(NamedTuple):
    """What a module makes of a batch."""

    row: tuple[Tensor, ...]
    """(B, ...) parts that lie side by side, `width` columns together; the input layer joins them once."""
    sequences: dict[str, Sequence]
    """By the feature's name; a row's columns `start` to `start + W` hold its pooled items."""


class GroupModule(nn.Module, ABC):
    """The part of the input layer for all features of one kind."""

    width: int

    @abstractmethod
    def forward(self, blocks: dict[str, Tensor]) -> Encoded:
        """Blocks of a batch by name, ids shifted as they are stored -> the kind's part of the row."""
