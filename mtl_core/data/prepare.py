"""Preparation: parts -> fitted encoder and encoded splits, in two passes and memory for one part's batch."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from mtl_core.data.encoded import SplitWriter
from mtl_core.data.encoder import Encoder, fit
from mtl_core.data.parts import Part, column_types, parts
from mtl_core.data.split import SPLITS, SplitName, assign
from mtl_core.errors import DataError
from mtl_core.problem import Problem

__all__ = ["RAW_SPLITS", "prepare"]

RAW_SPLITS: tuple[SplitName, ...] = ("validation", "test")
"""Kept as raw rows too, since the exported graph is measured on them."""

Quarantine = dict[str, set[int]]
Assigned = tuple[pa.RecordBatch, NDArray[np.int8]]
"""Rows and the split of each, as a position in SPLITS."""


def prepare(folder: Path, problem: Problem, quarantine: Path, out: Path) -> dict[SplitName, int]:
    """Writes the encoder, the encoded splits and the raw rows that are measured into the folder `out`.

    Args:
        quarantine: Parquet file of (part, row): rows that validation set aside.
        out: replaced as a whole, once everything is written.

    Returns:
        rows per split.
    """
    sources = parts(folder, problem)
    aside = _read_quarantine(quarantine)
    counts = dict.fromkeys(SPLITS, 0)

    def train_rows() -> Iterator[pa.RecordBatch]:
        for batch, splits in _batches(sources, problem, aside):
            for position, name in enumerate(SPLITS):
                counts[name] += int(np.count_nonzero(splits == position))
            yield batch.filter(pa.array(splits == 0))
        for name, count in counts.items():
            if not count:
                raise DataError(f"split: every split needs rows, found none for {name}; check split in params.yaml")

    encoder = fit(problem, column_types(folder, problem), train_rows())
    temporary = out.with_name(f".{out.name}.pending")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        _write(temporary, encoder, counts, _batches(sources, problem, aside), problem)
        shutil.rmtree(out, ignore_errors=True)
        temporary.replace(out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return counts


def _write(
    out: Path,
    encoder: Encoder,
    counts: dict[SplitName, int],
    batches: Iterator[Assigned],
    problem: Problem,
) -> None:
    writers = {name: SplitWriter(out / name, encoder, counts[name]) for name in SPLITS}
    kept = list(dict.fromkeys((*problem.feature_columns, *problem.targets)))
    raw: dict[SplitName, pq.ParquetWriter] = {}
    try:
        for batch, splits in batches:
            for position, name in enumerate(SPLITS):
                rows = batch.filter(pa.array(splits == position))
                if not rows.num_rows:
                    continue
                writers[name].append(encoder.inputs(rows), encoder.labels(rows), encoder.weights(rows))
                if name in RAW_SPLITS:
                    rows = rows.select(kept)
                    if name not in raw:
                        raw[name] = pq.ParquetWriter(out / f"{name}.parquet", rows.schema, compression="zstd")
                    raw[name].write_batch(rows)
    finally:
        for writer in raw.values():
            writer.close()
    for split in writers.values():
        split.close()
    encoder.save(out / "encoder.json")


def _batches(sources: tuple[Part, ...], problem: Problem, aside: Quarantine) -> Iterator[Assigned]:
    """Every batch of every part without the rows set aside, with each row's split."""
    for part in sources:
        start, bad = 0, np.asarray(sorted(aside.get(part.name, ())), dtype=np.int64)
        for batch in part.batches(problem.columns):
            if bad.size:
                keep = ~np.isin(np.arange(start, start + batch.num_rows), bad)
                start += batch.num_rows
                batch = batch.filter(pa.array(keep))
            yield batch, assign(problem.split, batch.column(problem.split.column))


def _read_quarantine(path: Path) -> Quarantine:
    if not path.exists():
        raise DataError(f"{path}: the rows that validation set aside must be known, found no file; run validate first")
    table = pq.read_table(path, columns=["part", "row"])
    found: Quarantine = {}
    for part, row in zip(table["part"].to_pylist(), table["row"].to_pylist(), strict=True):
        found.setdefault(part, set()).add(row)
    return found
