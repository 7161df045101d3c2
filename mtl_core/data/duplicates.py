"""Count of the validation and test rows whose features all equal those of a training row."""

from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

DUPLICATES = "duplicates.json"
"""File of the encoded splits: split -> rows whose features all equal those of a training row."""

CHUNK = 1 << 20
"""Keys per read of the file."""


class DuplicateCounter:
    """Counter of duplicates by the keys of `row_keys`.

    Keeps 8 bytes per validation and test row in memory, and the keys of the training rows in a file, which is removed
    at the end.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._train_keys = path, path.open("wb")
        self._keys: dict[str, list[NDArray[np.uint64]]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._train_keys.close()
        self._path.unlink(missing_ok=True)

    def update(self, split: str, keys: NDArray[np.uint64]) -> None:
        """Add (rows,) keys of a split."""
        if split == "train":
            keys.tofile(self._train_keys)
        else:
            self._keys.setdefault(split, []).append(keys)

    def counts(self) -> dict[str, int]:
        """Split other than training -> number of its rows that equal a training row."""
        keys = {split: np.concatenate(batches) for split, batches in self._keys.items()}
        distinct = np.unique(np.concatenate(list(keys.values()))) if keys else np.zeros(0, dtype=np.uint64)
        in_train = np.zeros(len(distinct), dtype=np.bool_)
        self._train_keys.flush()
        with self._path.open("rb") as file:
            while len(distinct) and len(chunk := np.fromfile(file, dtype=np.uint64, count=CHUNK)):
                indices = np.minimum(np.searchsorted(distinct, chunk), len(distinct) - 1)
                in_train[indices[distinct[indices] == chunk]] = True
        return {split: int(in_train[np.searchsorted(distinct, of_split)].sum()) for split, of_split in keys.items()}
