"""Base class of all text encoders."""

from abc import ABC, abstractmethod

from torch import Tensor, nn


class TextEncoder(nn.Module, ABC):
    """Sequence of vectors -> sequence of encodings in context. A row's output does not depend on other rows."""

    out_width: int

    @abstractmethod
    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, L, width) finite, (B, L) bool -> (B, L, out_width), 0 where the mask is False.

        The mask is True for the first items of each row, at least for one, and False for padding.
        """


def masked(x: Tensor, mask: Tensor) -> Tensor:
    """(B, L, width), (B, L) bool -> the same with 0 where the mask is False."""
    return x.masked_fill(~mask.unsqueeze(2), 0)
