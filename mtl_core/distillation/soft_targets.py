"""Soft targets: a teacher's logits for training rows, whatever the teacher."""

from dataclasses import dataclass, replace
from typing import Self

from torch import Tensor

from mtl_core.data.ragged_tensor import RaggedTensor


@dataclass(frozen=True, kw_only=True)
class SoftTargets:
    """A task's soft targets.

    logits: (rows, outputs), of the training split or of a batch of it; for a task of level token ragged, or in a batch
    (B, L, outputs) with NaN behind the end of each row.
    """

    logits: Tensor | RaggedTensor
    weight: float = 1.0
    """Share of the distillation loss in the task's loss; the rest is that of the labels (Hinton 2015, section 2)."""
    use_unlabelled: bool = False
    """True if rows without a label count in the distillation loss too."""

    def take(self, rows: Tensor) -> Self:
        """The soft targets of the (B,) rows."""
        return replace(self, logits=self.logits.index_select(0, rows))
