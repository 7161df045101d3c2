"""Encoded splits as memory-mapped arrays, and their batches. Training needs memory for a batch, not for a split."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from mtl_core.data.array_files import map_array
from mtl_core.data.encoder import Encoder
from mtl_core.data.ragged_tensor import RaggedTensor
from mtl_core.features import Block
from mtl_core.ragged import MAX_TRAINING_CELLS, Ragged, flat, row_ranges

WINDOW = 100
"""Number of batches whose rows are sorted by length together, so that the rows of a batch have similar lengths.

For log-normal lengths (sigma 0.7), padding then adds 10% to the cells; with 50 batches it adds 20%.
"""
Arrays = dict[str, Any]
"""Name -> Tensor or RaggedTensor, which have the same indexing."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Rows of a split, as arrays by name; ragged arrays are padded, (B, L, ...).

    `inputs`: block -> (B, ...), `labels`: task -> (B, ...), `weights`: task -> (B,) for the tasks with row weights.
    """

    inputs: dict[str, Tensor]
    labels: dict[str, Tensor]
    weights: dict[str, Tensor]


class EncodedSplit:
    """A memory-mapped split. A batch reads only its own rows."""

    def __init__(self, inputs: Arrays, labels: Arrays, weights: dict[str, Tensor] | None = None) -> None:
        self.inputs, self.labels, self.weights = inputs, labels, weights or {}
        ragged = [values for values in (*inputs.values(), *labels.values()) if isinstance(values, RaggedTensor)]
        self.cells = torch.stack([values.lengths * values.cells for values in ragged]).amax(dim=0) if ragged else None
        """(rows,) cost of a row's longest ragged array; None if all arrays are dense."""

    @classmethod
    def open(cls, folder: Path, encoder: Encoder) -> Self:
        """Map the arrays that a SplitWriter wrote into `folder`."""
        return cls(
            {name: _tensor(folder, name, block) for name, block in encoder.blocks.items()},
            {codec.name: _tensor(folder / "labels", codec.name, codec.block) for codec in encoder.tasks},
            {
                codec.name: torch.from_numpy(flat(map_array(folder / "weights", codec.name)))
                for codec in encoder.tasks
                if codec.weight_column
            },
        )

    def __len__(self) -> int:
        return len(next(iter(self.labels.values())))

    def take(self, rows: Tensor) -> Batch:
        """(B,) int64 row numbers -> those rows, in that order."""
        return self._batch(lambda values: values.index_select(0, rows))

    def slice(self, start: int, stop: int) -> Batch:
        """Rows `start` to `stop`, without a copy of dense arrays."""
        return self._batch(lambda values: values[start:stop])

    def _batch(self, select: Callable[[Any], Tensor]) -> Batch:
        inputs, labels, weights = (
            {name: select(values) for name, values in arrays.items()}
            for arrays in (self.inputs, self.labels, self.weights)
        )
        return Batch(inputs=inputs, labels=labels, weights=weights)

    def order(self, generator: np.random.Generator, size: int) -> Iterator[Tensor]:
        """Row numbers of the batches of an epoch, `size` rows each, in random order.

        With ragged arrays the rows of WINDOW batches are sorted by length, ties in random order. Then the batches of
        the window are shuffled, so that short rows do not come first.
        """
        order = torch.from_numpy(generator.permutation(len(self)))
        if self.cells is None:
            return iter(torch.split(order, size))
        return self._by_length(order, np.random.default_rng(generator.integers(2**63)), size)

    def row_ranges(self, size: int) -> Iterator[tuple[int, int]]:
        """Start and stop of `size` rows at a time, in row order.

        Fewer rows if padding ragged arrays would take more than MAX_CELLS of `mtl_core.ragged`.
        """
        if self.cells is None:
            yield from ((start, min(start + size, len(self))) for start in range(0, len(self), size))
        else:
            yield from row_ranges(self.cells.numpy(), size)

    def flat_labels(self, task: str) -> Tensor:
        """(n, ...) labels of the rows; for a task of level token, of the items of all rows."""
        labels = self.labels[task]
        return labels.values if isinstance(labels, RaggedTensor) else labels

    def flat_weights(self, task: str) -> Tensor | None:
        """(n,) weights of these labels; an item has the weight of its row. None for a task without weights."""
        labels, weights = self.labels[task], self.weights.get(task)
        if weights is None or not isinstance(labels, RaggedTensor):
            return weights
        return weights.repeat_interleave(labels.lengths)

    def flat(self, task: str, values: Tensor, start: int, stop: int) -> Tensor:
        """Outputs of a network for rows `start` to `stop` -> (n, ...): (B, ...) as they are, (B, L, ...) unpadded."""
        labels = self.labels[task]
        if not isinstance(labels, RaggedTensor):
            return values
        return values[torch.arange(values.shape[1]) < labels.lengths[start:stop, None]]

    def by_row(self, task: str, values: Tensor) -> Tensor | RaggedTensor:
        """(n, ...) values as in `flat_labels` -> an array by row, as in `labels`; padding is NaN."""
        labels = self.labels[task]
        if not isinstance(labels, RaggedTensor):
            return values
        return RaggedTensor(values=values, offsets=labels.offsets, pad=math.nan)

    def _by_length(self, order: Tensor, generator: np.random.Generator, size: int) -> Iterator[Tensor]:
        assert self.cells is not None
        for window in torch.split(order, WINDOW * size):
            rows = window[self.cells[window].argsort(stable=True)]
            batches = torch.split(rows, size)
            if max(int(self.cells[batch[-1]]) * len(batch) for batch in batches) > MAX_TRAINING_CELLS:
                batches = equal_cells(rows, self.cells[rows], len(batches))
            yield from (batches[index] for index in generator.permutation(len(batches)).tolist())


def equal_cells(rows: Tensor, cells: Tensor, batches: int) -> tuple[Tensor, ...]:
    """Cut (n,) rows, sorted by their (n,) cells, into that many batches of about equal cells, at least a row each.

    Cut from the last batch to the first. Each batch gets an equal share of the cells that are left, so that a row with
    more than a share is a batch of its own, and the other batches divide the rest.
    """
    ends = cells.cumsum(0)
    middles = (ends - cells / 2).numpy()
    stops, stop = [], len(rows)
    for others in range(batches - 1, 0, -1):
        left = float(ends[stop - 1]) * others / (others + 1)
        stop = min(max(int(np.searchsorted(middles[:stop], left)), others), stop - 1)
        stops.append(stop)
    return torch.tensor_split(rows, stops[::-1])


def _tensor(folder: Path, name: str, block: Block | None) -> Tensor | RaggedTensor:
    array = map_array(folder, name, block)
    if not isinstance(array, Ragged):
        return torch.from_numpy(array)
    assert block
    values, offsets = torch.from_numpy(array.values), torch.from_numpy(array.offsets)
    return RaggedTensor(values=values, offsets=offsets, pad=block.pad, cells=block.cells)
