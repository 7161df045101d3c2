"""Encoded rows of a study."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.encoder import Encoder
from mtl_core.data.ragged_tensor import RaggedTensor
from mtl_core.distillation.single_task import single_task_split


@dataclass(frozen=True, kw_only=True)
class Splits:
    """The three encoded splits of a problem."""

    train: EncodedSplit
    validation: EncodedSplit
    test: EncodedSplit

    @classmethod
    def open(cls, folder: Path, encoder: Encoder) -> "Splits":
        """The splits that the stage `prepare` wrote, memory-mapped."""
        return cls(**{name: EncodedSplit.open(folder / name, encoder) for name in ("train", "validation", "test")})

    def only(self, task: str) -> "Splits":
        """The splits with the labels and weights of that task alone."""
        return Splits(
            train=single_task_split(task, self.train),
            validation=single_task_split(task, self.validation),
            test=single_task_split(task, self.test),
        )

    @cached_property
    def digest(self) -> str:
        """Digest of all inputs, labels and weights."""
        digest = hashlib.blake2b(digest_size=16)
        for split in (self.train, self.validation, self.test):
            for tensors in (split.inputs, split.labels, split.weights):
                for name, values in tensors.items():
                    parts = (values.values, values.offsets) if isinstance(values, RaggedTensor) else (values,)
                    for part in parts:
                        digest.update(name.encode() + part.contiguous().numpy().tobytes())
        return digest.hexdigest()
