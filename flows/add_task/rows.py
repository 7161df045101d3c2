"""Rows of all splits for a head on a frozen trunk: labels, and the trunk's outputs for raw rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from flows.layout import Layout
from mtl_core.config import Problem
from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.encoder import Encoder
from mtl_core.data.prepare import prepare
from mtl_core.data.split import SPLITS, SplitName
from mtl_core.export.added_task import REPRESENTATION
from mtl_core.export.matrices import Matrix
from mtl_core.export.session import run_graph
from mtl_core.files import preallocate
from mtl_core.graphs.runtime import Session
from mtl_core.input_types import InputType

CHUNK_ROWS = 8192


@dataclass(frozen=True, kw_only=True)
class PreparedRows:
    """The prepared rows of the present split, in a folder of their own."""

    folder: Path
    encoder: Encoder

    @classmethod
    def prepare(cls, folder: Path, problem: Problem, out: Path) -> "PreparedRows":
        """Prepare the folder's problem into `out`, with the raw rows of every split."""
        prepare(folder, problem, Layout(folder).quarantine, out, raw_splits=SPLITS)
        return cls(folder=out, encoder=Encoder.load(out / "encoder.json"))

    def raw(self, split: SplitName) -> Path:
        """The file of a split's raw rows."""
        return self.folder / f"{split}.parquet"

    def encoded(self, split: SplitName) -> EncodedSplit:
        """A split's encoded rows."""
        return EncodedSplit.open(self.folder / split, self.encoder)


@dataclass(frozen=True, kw_only=True)
class TrunkReader:
    """Computes the outputs of a trunk for raw rows."""

    session: Session
    inputs: Mapping[str, InputType]
    matrices: Sequence[Matrix]

    def of_table(self, table: pa.Table) -> Tensor:
        """(rows, width) float32."""
        outputs = run_graph(self.session, table, self.inputs, [REPRESENTATION], matrices=self.matrices, rows=CHUNK_ROWS)
        return torch.from_numpy(outputs[REPRESENTATION])

    def of_file(self, raw: Path, out: Path) -> Tensor:
        """(rows, width) float32 for the rows of a Parquet file, memory-mapped to a file `out` that is written here."""
        source = pq.ParquetFile(raw)
        stored: np.memmap[tuple[int, ...], np.dtype[np.float32]] | None = None
        start = 0
        for batch in source.iter_batches(batch_size=CHUNK_ROWS, columns=list(self.inputs)):
            values = self.of_table(pa.Table.from_batches([batch])).numpy()
            if stored is None:
                shape = (source.metadata.num_rows, values.shape[1])
                stored = np.lib.format.open_memmap(out, mode="w+", dtype=np.float32, shape=shape)
                preallocate(out)
            stored[start : start + len(values)] = values
            start += len(values)
        assert stored is not None, "prepare refuses splits without rows"
        return torch.from_numpy(stored)
