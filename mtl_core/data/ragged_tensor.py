"""Ragged arrays as tensors with padded batches."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class RaggedTensor:
    """Rows of different lengths. values: (total, ...); offsets: (rows + 1,) int64; `pad` fills rows up in a batch."""

    values: Tensor
    offsets: Tensor
    pad: float
    cells: int = 1
    """Cost of an item, as in `Block`."""

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> Tensor:
        """Items per row, (rows,)."""
        return self.offsets[1:] - self.offsets[:-1]

    def index_select(self, dimension: int, rows: Tensor) -> Tensor:
        """(B,) row numbers -> (B, L, ...): those rows, padded to the longest, at least to one item."""
        assert dimension == 0
        starts, lengths = self.offsets[rows], (self.offsets[rows + 1] - self.offsets[rows])
        longest = max(1, int(lengths.max())) if len(rows) else 1
        columns = torch.arange(longest)
        mask = columns < lengths[:, None]  # (B, L)
        padded = torch.full((len(rows), longest, *self.values.shape[1:]), self.pad, dtype=self.values.dtype)
        padded[mask] = self.values[(starts[:, None] + columns)[mask]]
        return padded

    def __getitem__(self, rows: slice) -> Tensor:
        """The rows of a slice, padded."""
        return self.index_select(0, torch.from_numpy(np.arange(*rows.indices(len(self)))))
