"""Preparation: parts -> fitted encoder and encoded splits, in two passes and memory for a few batches.

The part files are read once: the first pass fits the encoder and spills the rows, cast and split, to disk as
uncompressed Arrow, which the second pass encodes. That is cheaper than decoding Parquet again, and much cheaper than
parsing CSV again.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mtl_core.arrow import scalar_type
from mtl_core.config import Problem
from mtl_core.data.column_types import column_types
from mtl_core.data.coverage import check_coverage
from mtl_core.data.duplicates import DUPLICATES, DuplicateCounter
from mtl_core.data.encoder import Encoder, fit
from mtl_core.data.parts import Part, open_data
from mtl_core.data.row_keys import row_keys
from mtl_core.data.split import SPLITS, SplitName, SplitRows, Splitter, empty_splits
from mtl_core.data.writer import SplitWriter
from mtl_core.errors import DataError
from mtl_core.files import intact, pending_folder, write_text

RAW_SPLITS: tuple[SplitName, ...] = ("validation", "test")
"""Splits that are stored as raw rows too, since the exported graph is measured on them."""

Quarantine = dict[str, set[int]]
OnRows = Callable[[int, int | None, str], None]
"""Callback: number of rows that are done, number of all where it is known, what is done with them."""


def prepare(
    folder: Path,
    problem: Problem,
    quarantine: Path,
    out: Path,
    *,
    on_rows: OnRows = lambda done, total, words: None,
) -> dict[SplitName, int]:
    """Write the encoder, the encoded splits, the raw rows of RAW_SPLITS and DUPLICATES into the folder `out`.

    Needs temporary disk space next to `out` for all rows as they are in memory.

    Args:
        quarantine: Parquet file of (part, row): the rows that validation quarantined.
        out: replaced as a whole, once everything is written.
        on_rows: called in both passes after every batch.

    Returns:
        rows per split.

    Raises:
        DataError: the data do not fit the problem, or a split has no rows, or lacks the labels of a task.
    """
    problem, sources = open_data(folder, problem)
    types = column_types(folder, problem, sources)
    quarantined, dictionaries = _read_quarantine(quarantine), _dictionary_columns(problem, types)
    counts = dict.fromkeys(SPLITS, 0)

    def train_rows() -> Iterator[pa.RecordBatch]:
        for part in sources:
            left_out = quarantined.get(part.name, set())
            for name, rows in _spill(spill / part.name, _split(part, problem, dictionaries, left_out)):
                counts[name] += rows.num_rows
                on_rows(sum(counts.values()), None, "rows read")
                duplicates.update(name, row_keys(rows, problem.feature_columns))
                if name == "train":
                    yield rows
        for error in empty_splits(counts):
            raise DataError(error)

    with pending_folder(out) as temporary:
        spill = temporary / "spill"
        spill.mkdir()
        with DuplicateCounter(temporary / "keys") as duplicates:
            encoder = fit(problem, types, train_rows())
            write_text(temporary / DUPLICATES, json.dumps(duplicates.counts()) + "\n")
        spilled = (rows for part in sources for rows in _read_spill(spill / part.name))
        _write(temporary, encoder, counts, spilled, _raw_schema(problem, sources[0]), on_rows)
        spill.rmdir()
        check_coverage(problem, encoder, temporary)
    return counts


def _write(
    out: Path,
    encoder: Encoder,
    counts: dict[SplitName, int],
    spilled: Iterable[SplitRows],
    raw_schema: pa.Schema,
    on_rows: OnRows,
) -> None:
    writers = {name: SplitWriter(out / name, counts[name]) for name in SPLITS}
    with ExitStack() as stack:
        # A larger dictionary, as most numbers with fractions need, costs more time than it saves.
        options: dict[str, Any] = {"compression": "zstd", "dictionary_pagesize_limit": 1 << 17}
        raw = {
            name: stack.enter_context(pq.ParquetWriter(out / f"{name}.parquet", raw_schema, **options))
            for name in RAW_SPLITS
        }
        done, total = 0, sum(counts.values())
        for name, rows in spilled:
            writers[name].append(encoder.encode(rows), encoder.labels(rows), encoder.weights(rows))
            if name in raw:
                raw[name].write_batch(rows.select(raw_schema.names).cast(raw_schema))
            done += rows.num_rows
            on_rows(done, total, "rows encoded")
    for writer in writers.values():
        writer.close()
    encoder.save(out / "encoder.json")


def _split(part: Part, problem: Problem, dictionaries: list[str], quarantined: set[int]) -> Iterator[SplitRows]:
    """The rows of a part without the quarantined ones, batch by batch and split by split."""
    start, bad = 0, np.asarray(sorted(quarantined), dtype=np.int64)
    splitter = Splitter.of(problem, part.shared)
    columns = list(dict.fromkeys((*problem.columns, *splitter.columns)))
    for batch in part.batches(columns, dictionaries=dictionaries):
        if bad.size:
            keep = ~np.isin(np.arange(start, start + batch.num_rows), bad)
            start += batch.num_rows
            batch = batch.filter(pa.array(keep))
        for name, rows in splitter.split_rows(batch):
            yield name, rows.select(problem.columns)


def _spill(path: Path, rows: Iterable[SplitRows]) -> Iterator[SplitRows]:
    """Yield the rows, and write them to a file."""
    with ExitStack() as stack:
        writer = None
        for name, batch in rows:
            writer = writer or stack.enter_context(pa.ipc.new_stream(path, batch.schema))
            writer.write_batch(batch, custom_metadata={"split": name})
            yield name, batch


def _read_spill(path: Path) -> Iterator[SplitRows]:
    """The rows that `_spill` wrote to a file, which is removed afterwards."""
    if not path.exists():  # of a part without rows
        return
    # Read, not mapped, since mapped pages count as the process's own.
    with pa.OSFile(str(path)) as file, pa.ipc.open_stream(file) as reader:
        for batch, metadata in reader.iter_batches_with_custom_metadata():
            yield SPLITS[SPLITS.index(metadata["split"].decode())], batch
    path.unlink()


def _dictionary_columns(problem: Problem, types: dict[str, pa.DataType]) -> list[str]:
    """The columns of text that only features read, which encode each distinct value once."""
    text = (name for name in problem.feature_columns if scalar_type(types[name]) == "string")
    return [name for name in text if name not in problem.split.columns]


def _raw_schema(problem: Problem, first: Part) -> pa.Schema:
    columns = dict.fromkeys((*problem.feature_columns, *problem.targets))
    return pa.schema([first.types.field(column) for column in columns])


def _read_quarantine(path: Path) -> Quarantine:
    if not path.exists():
        raise DataError(
            f"{path}: the rows that validation quarantined must be known, found no file; run validate first"
        )
    with intact(path):
        table = pq.read_table(path, columns=["part", "row"])
    found: Quarantine = {}
    for part, row in zip(table["part"].to_pylist(), table["row"].to_pylist(), strict=True):
        found.setdefault(part, set()).add(row)
    return found
