"""Preparation: parts -> fitted encoder and encoded splits, in two passes and memory for a few batches.

The part files are read once. The first pass fits the encoder and spills the rows, cast and split, to disk as
uncompressed Arrow; the second pass encodes them. That is cheaper than decoding Parquet again, and much cheaper than
parsing CSV again.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mtl_core.arrow import scalar_type
from mtl_core.config import Problem
from mtl_core.data.array_files import SplitWriter
from mtl_core.data.column_types import column_types
from mtl_core.data.coverage import check_coverage
from mtl_core.data.duplicates import DUPLICATES, DuplicateCounter
from mtl_core.data.encoder import Encoder, fit
from mtl_core.data.parts import Part, open_data
from mtl_core.data.rolling import resolve_split
from mtl_core.data.row_keys import row_keys
from mtl_core.data.split import SPLITS, SplitName, check_not_empty
from mtl_core.data.splitter import LEFT_OUT, AssignedRows, SplitColumns, SplitRows, Splitter
from mtl_core.data.windows import SPLIT, SplitSummary, windows_of
from mtl_core.errors import DataError
from mtl_core.files import damage_as_data_error, pending_folder, write_text

RAW_SPLITS: tuple[SplitName, ...] = ("validation", "test")
"""Splits that are also stored as raw rows, on which the exported graph is evaluated."""

Quarantine = dict[str, set[int]]
OnRows = Callable[[int, int | None, str], None]
"""Callback of (rows done, total rows or None, phase)."""


def prepare(
    folder: Path,
    problem: Problem,
    quarantine: Path,
    out: Path,
    *,
    raw_splits: Sequence[SplitName] = RAW_SPLITS,
    on_rows: OnRows = lambda done, total, phase: None,
) -> dict[SplitName, int]:
    """Write the encoder, the encoded splits, the raw rows of `raw_splits`, DUPLICATES and SPLIT into the folder `out`.

    Needs temporary disk space next to `out` for all rows, uncompressed.

    Args:
        quarantine: Parquet file of (part, row): the rows that validation quarantined.
        out: replaced as a whole after everything is written.
        on_rows: called in both passes after every batch.

    Returns:
        Rows per split.

    Raises:
        DataError: the data do not fit the problem, a split has no rows, or a split lacks the labels of a task.
    """
    problem, sources = open_data(folder, problem)
    types = column_types(folder, problem, sources)
    quarantined, dictionaries = read_quarantine(quarantine), _dictionary_columns(problem, types)
    counts, left_out = dict.fromkeys(SPLITS, 0), 0
    splitter = splitter_of(problem, sources, quarantined)

    def train_rows() -> Iterator[pa.RecordBatch]:
        nonlocal left_out
        for part in sources:
            for name, rows in _spill(spill / part.name, split_part(part, problem, splitter, dictionaries, quarantined)):
                if name == LEFT_OUT:
                    left_out += rows.num_rows
                else:
                    counts[name] += rows.num_rows
                    duplicates.update(name, row_keys(rows, problem.feature_columns))
                on_rows(left_out + sum(counts.values()), None, "rows read")
                if name == "train":
                    yield rows
        check_not_empty(counts, splitter.split)

    with pending_folder(out) as temporary:
        spill = temporary / "spill"
        spill.mkdir()
        with DuplicateCounter(temporary / "keys") as duplicates:
            encoder = fit(problem, types, train_rows(), folder)
            write_text(temporary / DUPLICATES, json.dumps(duplicates.counts()) + "\n")
        summary = SplitSummary(rows={**counts}, left_out=left_out, windows=windows_of(splitter.split))
        write_text(temporary / SPLIT, summary.model_dump_json(indent=1) + "\n")
        spilled = (rows for part in sources for rows in _read_spill(spill / part.name))
        raw_schema = pa.schema([sources[0].types.field(column) for column in problem.raw_columns])
        _write(temporary, encoder, counts, spilled, raw_schema, raw_splits, on_rows)
        spill.rmdir()
        check_coverage(problem, encoder, temporary)
    return counts


def _write(
    out: Path,
    encoder: Encoder,
    counts: dict[SplitName, int],
    spilled: Iterable[SplitRows],
    raw_schema: pa.Schema,
    raw_splits: Sequence[SplitName],
    on_rows: OnRows,
) -> None:
    writers = {name: SplitWriter(out / name, counts[name]) for name in SPLITS}
    with ExitStack() as stack:
        # A larger dictionary, which most fractions would need, costs more time than it saves.
        options: dict[str, Any] = {"compression": "zstd", "dictionary_pagesize_limit": 1 << 17}
        raw = {
            name: stack.enter_context(pq.ParquetWriter(out / f"{name}.parquet", raw_schema, **options))
            for name in raw_splits
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


def splitter_of(problem: Problem, sources: Sequence[Part], quarantined: Quarantine) -> Splitter:
    """The split, with durations counted back from the newest row that is not quarantined."""
    column = problem.split.column
    times = (rows.column(column) for part in sources for rows in valid_rows(part, [column], quarantined))
    columns = SplitColumns.of(problem, sources[0].shared)
    return Splitter(split=resolve_split(problem.split, times), columns=columns)


def split_part(
    part: Part, problem: Problem, splitter: Splitter, dictionaries: list[str], quarantined: Quarantine
) -> Iterator[AssignedRows]:
    """The rows of a part without the quarantined ones, batch by batch and split by split."""
    columns = list(dict.fromkeys((*problem.columns, *splitter.columns.names)))
    for batch in valid_rows(part, columns, quarantined, dictionaries):
        for name, rows in splitter.split_rows(batch):
            yield name, rows.select(problem.columns)


def valid_rows(
    part: Part, columns: list[str], quarantined: Quarantine, dictionaries: Sequence[str] = ()
) -> Iterator[pa.RecordBatch]:
    """Batches of the part's rows without the quarantined ones."""
    start, excluded = 0, np.asarray(sorted(quarantined.get(part.name, set())), dtype=np.int64)
    for batch in part.batches(columns, dictionaries=dictionaries):
        if excluded.size:
            keep = ~np.isin(np.arange(start, start + batch.num_rows), excluded)
            start += batch.num_rows
            batch = batch.filter(pa.array(keep))
        yield batch


def _spill(path: Path, rows: Iterable[AssignedRows]) -> Iterator[AssignedRows]:
    """Write the rows of the splits to a file, and yield all rows."""
    with ExitStack() as stack:
        writer = None
        for name, batch in rows:
            if name != LEFT_OUT:
                writer = writer or stack.enter_context(pa.ipc.new_stream(path, batch.schema))
                writer.write_batch(batch, custom_metadata={"split": name})
            yield name, batch


def _read_spill(path: Path) -> Iterator[SplitRows]:
    """The rows that `_spill` wrote to a file, which is removed afterwards."""
    if not path.exists():  # no split has rows of the part
        return
    # Not mapped, since mapped pages count as memory of the process.
    with pa.OSFile(str(path)) as file, pa.ipc.open_stream(file) as reader:
        for batch, metadata in reader.iter_batches_with_custom_metadata():
            yield SPLITS[SPLITS.index(metadata["split"].decode())], batch
    path.unlink()


def _dictionary_columns(problem: Problem, types: dict[str, pa.DataType]) -> list[str]:
    """The columns of text that only features read, since features encode each distinct value once."""
    texts = (name for name in problem.feature_columns if scalar_type(types[name]) == "string")
    return [name for name in texts if name not in problem.split.columns]


def read_quarantine(path: Path) -> Quarantine:
    """Part -> its quarantined rows; DataError without the file."""
    if not path.exists():
        raise DataError(
            f"{path}: the rows that validation quarantined must be known, found no file; run validate first"
        )
    with damage_as_data_error(path):
        table = pq.read_table(path, columns=["part", "row"])
    quarantine: Quarantine = {}
    for part, row in zip(table["part"].to_pylist(), table["row"].to_pylist(), strict=True):
        quarantine.setdefault(part, set()).add(row)
    return quarantine
