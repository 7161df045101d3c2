"""Rows that stand in two splits: count of validation and test rows whose features all equal those of a training row."""

from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

DUPLICATES = "duplicates.json"
"""File of the encoded splits: split -> rows whose features all equal those of a training row."""

CHUNK = 1 << 20
"""Keys read back at once."""


class DuplicateCounter:
    """Counter of duplicates among keys of rows, as `row_keys` makes them.

    In memory are 8 bytes per validation and test row; the keys of the training rows are in a file, which is removed at
    the end.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._file = path, path.open("wb")
        self._held: dict[str, list[NDArray[np.uint64]]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)

    def update(self, split: str, keys: NDArray[np.uint64]) -> None:
        """Take in (rows,) keys of a split."""
        if split == "train":
            keys.tofile(self._file)
        else:
            self._held.setdefault(split, []).append(keys)

    def counts(self) -> dict[str, int]:
        """Split, but for training -> number of its rows that equal a training row."""
        held = {split: np.concatenate(keys) for split, keys in self._held.items()}
        known = np.unique(np.concatenate(list(held.values()))) if held else np.zeros(0, dtype=np.uint64)
        trained = np.zeros(len(known), dtype=np.bool_)
        self._file.flush()
        with self._path.open("rb") as file:
            while len(known) and len(keys := np.fromfile(file, dtype=np.uint64, count=CHUNK)):
                indices = np.minimum(np.searchsorted(known, keys), len(known) - 1)
                trained[indices[known[indices] == keys]] = True
        return {split: int(trained[np.searchsorted(known, keys)].sum()) for split, keys in held.items()}
