"""Soft targets: what a teacher says of the training rows. One mechanism, whoever the teacher is."""

from dataclasses import dataclass, replace
from typing import Self

from torch import Tensor

__all__ = ["SoftTargets"]


@dataclass(frozen=True, kw_only=True)
class SoftTargets:
    """A task's soft targets. logits: (rows, outputs), of the training split or of a batch of it."""

    logits: Tensor
    share: float = 1.0
    """Of the task's loss; the rest is its labels' (Hinton 2015, section 2)."""
    every_row: bool = False
    """Whether rows without a label learn from them too."""

    def take(self, rows: Tensor) -> Self:
        """Those of the (B,) rows."""
        return replace(self, logits=self.logits.index_select(0, rows))
