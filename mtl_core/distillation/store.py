"""Soft targets on disk, so that a resumed training does not run its teachers again."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mtl_core.files import pending


class TeacherStore:
    """Files `teacher-NAME.npy` in a folder: (training rows or items, outputs) logits, each written atomically."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def has(self, name: str) -> bool:
        """True if soft targets of that name are stored."""
        return self._path(name).exists()

    def save(self, name: str, logits: NDArray[np.float32]) -> None:
        """Store soft targets."""
        with pending(self._path(name)) as temporary, temporary.open("wb") as file:
            np.save(file, logits, allow_pickle=False)

    def load(self, name: str) -> Tensor:
        """(training rows or items, outputs) logits, memory-mapped."""
        return torch.from_numpy(np.load(self._path(name), mmap_mode="c", allow_pickle=False))

    def _path(self, name: str) -> Path:
        return self.folder / f"teacher-{name}.npy"
