"""Files of encoded splits: row-major arrays, written batch by batch, and mapped into memory."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtl_core.errors import DataError
from mtl_core.files import damage_as_data_error
from mtl_core.ragged import Block, Ragged

_VALUES, _OFFSETS = ".values", ".offsets.npy"
"""Suffixes of the two files of a ragged array: raw values, and the offsets at which rows begin."""

Arrays = Mapping[str, NDArray[Any] | Ragged]


class SplitWriter:
    """Writer of the arrays of one split with a given number of rows.

    Appends to files, since mapped memory is slower and its pages count as memory of the process.
    """

    def __init__(self, folder: Path, rows: int) -> None:
        folder.mkdir(parents=True)
        self.rows, self.filled = rows, 0
        self._folder = folder
        self._totals: dict[Path, int] = {}

    def append(self, inputs: Arrays, labels: Arrays, weights: Arrays | None = None) -> None:
        """Append the next rows; DataError for more rows than expected."""
        stop = self.filled + len(next(iter(labels.values())))
        if stop > self.rows:
            raise self._row_count_error(f"{stop:,} or more")
        for kind, arrays in (("", inputs), ("labels", labels), ("weights", weights or {})):
            for name, values in arrays.items():
                self._write(self._folder / kind, name, values)
        self.filled = stop

    def close(self) -> None:
        """DataError for fewer rows than expected."""
        if self.filled != self.rows:
            raise self._row_count_error(f"{self.filled:,}")

    def _row_count_error(self, found: str) -> DataError:
        return DataError(
            f"{self._folder.name}: the data must not change while they are read, found {found} rows where "
            f"{self.rows:,} were counted before; run again"
        )

    def _write(self, folder: Path, name: str, values: NDArray[Any] | Ragged) -> None:
        folder.mkdir(exist_ok=True)
        if isinstance(values, Ragged):
            self._write_ragged(folder, name, values)
        else:
            self._append(folder / f"{name}.npy", values, self.rows)

    def _write_ragged(self, folder: Path, name: str, values: Ragged) -> None:
        path, ends = folder / f"{name}{_OFFSETS}", values.offsets[1:] - values.offsets[0]
        total = self._totals.get(path, 0)
        first = [] if path in self._totals else [0]
        self._append(path, np.concatenate([np.asarray(first, dtype=np.int64), total + ends]), self.rows + 1)
        self._totals[path] = total + int(ends[-1]) if len(ends) else total
        with (folder / f"{name}{_VALUES}").open("ab") as file:
            values.values[values.offsets[0] : values.offsets[-1]].tofile(file)

    def _append(self, path: Path, values: NDArray[Any], length: int) -> None:
        with path.open("ab") as file:
            if not file.tell():  # the header precedes the first rows
                descr, shape = np.lib.format.dtype_to_descr(values.dtype), (length, *values.shape[1:])
                np.lib.format.write_array_header_1_0(file, {"descr": descr, "fortran_order": False, "shape": shape})
            values.tofile(file)


def map_array(folder: Path, name: str, block: Block | None = None) -> NDArray[Any] | Ragged:
    """A dense or ragged array that a SplitWriter wrote, memory-mapped. An array without a block is dense."""
    with damage_as_data_error(folder / name):
        if block is None or not block.ragged:
            return _map_dense(folder / f"{name}.npy")
        offsets = _map_dense(folder / f"{name}{_OFFSETS}")
        shape = (int(offsets[-1]), *block.shape)
        if not shape[0]:  # an empty file cannot be mapped
            return Ragged(values=np.zeros(shape, block.dtype), offsets=offsets)
        values = np.memmap(folder / f"{name}{_VALUES}", block.dtype, mode="c", shape=shape)
        return Ragged(values=values, offsets=offsets)


def _map_dense(path: Path) -> NDArray[Any]:
    # Copy-on-write, since torch warns about read-only memory; nothing writes to it.
    array: NDArray[Any] = np.load(path, mmap_mode="c", allow_pickle=False)
    return array
