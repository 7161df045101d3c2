"""Facts about the columns of a table, from a sample of its rows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from flows.draft.doubts import doubt
from flows.draft.reading import DetectedReading, detect
from mtl_core import arrow_compute as pc
from mtl_core.arrow import as_numbers, decoded, is_number, scalar_type
from mtl_core.data.part_files import check_names, open_part
from mtl_core.data.parts import Part
from mtl_core.data.types import column_schema
from mtl_core.errors import DataError
from mtl_core.features import ColumnFacts

MAX_ROWS, CHUNK = 200_000, 4_096
"""About how many rows are sampled, in chunks of how many: ids and kinds show long before."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Rows of a table, facts about its columns, doubts about some of them, and how the file is read."""

    table: pa.Table
    facts: Mapping[str, ColumnFacts]
    doubts: Mapping[str, str]
    reading: DetectedReading
    complete: bool
    """True if these are all rows of the table."""


def sample(path: Path) -> Sample:
    """Sample a Parquet or CSV file; raises DataError where there is nothing to learn from.

    Chunks of rows are taken at equal distances through the whole file: one that is sorted by time, by a class or by
    its split shows little of itself in its first rows.
    """
    reading = detect(path)
    options = reading.options
    file = open_part(path, options.csv)
    check_names(file)
    part = Part(file=file, reading=options, types=column_schema([file], options), shared=file.names)
    chunks, distance = _spread(part.batches(part.names))
    table = pa.Table.from_batches(chunks, schema=part.types)
    if not table.num_rows or not table.num_columns:
        raise DataError(f"{path}: must have rows and columns, found {table.num_rows} rows, {table.num_columns} columns")
    gaps = len(chunks) - 1 if distance > 1 else 0
    facts = {name: _facts(name, table[name].combine_chunks(), gaps) for name in table.column_names}
    doubts = {name: found for name, about in facts.items() if (found := doubt(about, options.csv))}
    return Sample(table=table, facts=facts, doubts=doubts, reading=reading, complete=distance == 1)


def _spread(batches: Iterable[pa.RecordBatch]) -> tuple[list[pa.RecordBatch], int]:
    """Every n-th chunk, with the smallest power of two n for which they have about MAX_ROWS rows; and n."""
    chunks = (batch.slice(start, CHUNK) for batch in batches for start in range(0, batch.num_rows, CHUNK))
    kept: list[pa.RecordBatch] = []
    distance = 1
    for index, chunk in enumerate(chunks):
        if len(kept) * CHUNK >= MAX_ROWS and index % distance == 0:
            kept, distance = kept[::2], 2 * distance
        if index % distance == 0:
            kept.append(chunk)
    return kept, distance


def _facts(name: str, values: pa.Array, gaps: int) -> ColumnFacts:
    """Facts about a column whose rows are next to each other in the table but for so many gaps."""
    values = decoded(values)
    rows, kind = len(values), values.type
    if pa.types.is_floating(kind):
        values = pc.if_else(pc.is_finite(values), values, None)
    known = values.drop_null()
    common: list[tuple[Any, int]] = []
    distinct = 0
    if not (pa.types.is_nested(kind) or pa.types.is_null(kind) or isinstance(kind, pa.BaseExtensionType)):
        counted = known.value_counts()
        order = pc.sort_indices(counted.field("counts"), sort_keys=[("", "descending")]).slice(0, 20)
        top = counted.take(order)
        distinct = len(counted)
        # Python has no dates before the year 1, and knows not every zone.
        values_of = top.field("values").to_pylist() if scalar_type(kind) else [None] * len(top)
        common = list(zip(values_of, top.field("counts").to_pylist(), strict=True))
    numbers = as_numbers(known) if is_number(kind) else None
    whole = numbers is not None and np.array_equal(numbers, np.floor(numbers))
    return ColumnFacts(
        name=name,
        type=kind,
        rows=rows,
        distinct=distinct,
        common=tuple(common),
        whole=whole,
        sequence=bool(whole and numbers is not None and numbers.size > 1 and (np.diff(numbers) != 1).sum() <= gaps),
        values=known,
    )
