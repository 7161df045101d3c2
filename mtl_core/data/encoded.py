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
                codec.name: _map(folder / "weights" / f"{codec.name}.npy")
                for codec in encoder.tasks
                if codec.weight_column
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
    """Appends to the arrays of one split, part by part; their length is known before.

    They are written as files, not through mapped memory, which takes longer and whose pages count as the process's own.
    """

    def __init__(self, folder: Path, rows: int) -> None:
        folder.mkdir(parents=True)
        self.rows, self.filled = rows, 0
        self._folder = folder

    def append(
        self,
        inputs: dict[str, NDArray[Any]],
        labels: dict[str, NDArray[Any]],
        weights: dict[str, NDArray[np.float32]] | None = None,
    ) -> None:
        """Takes the next rows."""
        stop = self.filled + len(next(iter(labels.values())))
        if stop > self.rows:
            raise self._changed(f"{stop:,} or more")
        for kind, arrays in (("", inputs), ("labels", labels), ("weights", weights or {})):
            for name, values in arrays.items():
                self._write(self._folder / kind / f"{name}.npy", values)
        self.filled = stop

    def close(self) -> None:
        """Refuses a split that did not get the rows it was made for."""
        if self.filled != self.rows:
            raise self._changed(f"{self.filled:,}")

    def _changed(self, found: str) -> DataError:
        return DataError(
            f"{self._folder.name}: the data must not change while they are read, found {found} rows where "
            f"{self.rows:,} were counted before; run again"
        )

    def _write(self, path: Path, values: NDArray[Any]) -> None:
        path.parent.mkdir(exist_ok=True)
        with path.open("ab") as file:
            if not self.filled:
                descr, shape = np.lib.format.dtype_to_descr(values.dtype), (self.rows, *values.shape[1:])
                np.lib.format.write_array_header_1_0(file, {"descr": descr, "fortran_order": False, "shape": shape})
            values.tofile(file)


def _map(path: Path) -> Tensor:
    # Copy-on-write, since torch warns about memory that it may not write to; nothing here ever does.
    return torch.from_numpy(np.load(path, mmap_mode="c", allow_pickle=False))
