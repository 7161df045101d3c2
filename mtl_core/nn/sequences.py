"""The contract of the input layer's parts: one module per kind of feature."""

from abc import ABC, abstractmethod
from typing import NamedTuple

from torch import Tensor, nn


class ItemSequence(NamedTuple):
    """Items of a sequence feature. Columns `start` to `start + W` of the module's row hold the pooled items."""

    items: Tensor
    """(B, L, W)"""
    mask: Tensor
    """(B, L) bool, True for present items."""
    start: int


class GroupOutput(NamedTuple):
    """Output of a `GroupModule` for a batch."""

    row: tuple[Tensor, ...]
    """(B, ...) parts, `width` columns in total, which the input layer concatenates."""
    sequences: dict[str, ItemSequence]
    """Feature -> its items."""


class GroupModule(nn.Module, ABC):
    """The part of the input layer for all features of one kind."""

    width: int

    @abstractmethod
    def forward(self, blocks: dict[str, Tensor]) -> GroupOutput:
        """Blocks of a batch by name, ids with their offsets -> the kind's part of the row."""
