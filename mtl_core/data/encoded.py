"""Encoded splits on disk: row-major arrays, memory-mapped: training needs memory for a batch, not for the table."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mtl_core.data.encoder import Encoder
from mtl_core.errors import DataError

__all__ = ["Batch", "EncodedSplit", "SplitWriter"]


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Rows of a split. `inputs`: block -> (B, ...), `labels`: task -> (B, ...), `weights`: task -> (B,) where it has
    weights of rows.
    """

    inputs: dict[str, Tensor]
    labels: dict[str, Tensor]
    weights: dict[str, Tensor]


class EncodedSplit:
    """One split, memory-mapped. A batch is gathered by row numbers; nothing else of the table enters memory."""

    def __init__(
        self, inputs: dict[str, Tensor], labels: dict[str, Tensor], weights: dict[str, Tensor] | None = None
    ) -> None:
        self.inputs, self.labels, self.weights = inputs, labels, weights or {}

    @classmethod
    def open(cls, folder: Path, encoder: Encoder) -> Self:
        """What a SplitWriter left in `folder`."""
        return cls(
            {name: _map(folder / f"{name}.npy") for name in encoder.blocks()},
            {task.name: _map(folder / "labels" / f"{task.name}.npy") for task in encoder.tasks},
            {
                task.name: _map(folder / "weights" / f"{task.name}.npy")
                for task in encoder.tasks
                if task.declared.weight_column
            },
        )

    def __len__(self) -> int:
        return len(next(iter(self.labels.values())))

    def take(self, rows: Tensor) -> Batch:
        """(B,) int64 row numbers -> those rows, in that order."""
        return Batch(
            inputs={name: values.index_select(0, rows) for name, values in self.inputs.items()},
            labels={name: values.index_select(0, rows) for name, values in self.labels.items()},
            weights={name: values.index_select(0, rows) for name, values in self.weights.items()},
        )

    def slice(self, start: int, stop: int) -> Batch:
        """Rows `start` to `stop`, without a copy."""
        return Batch(
            inputs={name: values[start:stop] for name, values in self.inputs.items()},
            labels={name: values[start:stop] for name, values in self.labels.items()},
            weights={name: values[start:stop] for name, values in self.weights.items()},
        )


class SplitWriter:
    """Fills the arrays of one split, part by part; their length is known before."""

    def __init__(self, folder: Path, encoder: Encoder, rows: int) -> None:
        folder.mkdir(parents=True)
        self.rows, self.filled = rows, 0
        self._folder = folder
        self._arrays: dict[Path, NDArray[Any]] = {}
        for name, (width, dtype) in encoder.blocks().items():
            self._create(folder / f"{name}.npy", (rows, width), dtype)

    def append(
        self,
        inputs: dict[str, NDArray[Any]],
        labels: dict[str, NDArray[Any]],
        weights: dict[str, NDArray[np.float32]] | None = None,
    ) -> None:
        """Takes the next rows."""
        start, stop = self.filled, self.filled + len(next(iter(labels.values())))
        if stop > self.rows:
            raise self._changed(f"{stop:,} or more")
        for name, values in inputs.items():
            self._arrays[self._folder / f"{name}.npy"][start:stop] = values
        for kind, arrays in (("labels", labels), ("weights", weights or {})):
            for name, values in arrays.items():
                path = self._folder / kind / f"{name}.npy"
                if path not in self._arrays:
                    self._create(path, (self.rows, *values.shape[1:]), values.dtype)
                self._arrays[path][start:stop] = values
        self.filled = stop

    def close(self) -> None:
        """Flushes; refuses a split that did not get the rows it was made for."""
        if self.filled != self.rows:
            raise self._changed(f"{self.filled:,}")
        for array in self._arrays.values():
            if isinstance(array, np.memmap):
                array.flush()

    def _changed(self, found: str) -> DataError:
        return DataError(
            f"{self._folder.name}: the data must not change while they are read, found {found} rows where "
            f"{self.rows:,} were counted before; run again"
        )

    def _create(self, path: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        path.parent.mkdir(exist_ok=True)
        self._arrays[path] = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)


def _map(path: Path) -> Tensor:
    # Copy-on-write, since torch warns about memory that it may not write to; nothing here ever does.
    return torch.from_numpy(np.load(path, mmap_mode="c", allow_pickle=False))
