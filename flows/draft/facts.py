"""Facts about the columns of a table, from a sample of its rows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from flows.draft.column_warnings import column_warning, sorted_counts
from flows.draft.reading import DetectedOptions, detect
from flows.draft.source import find_source
from mtl_core import arrow_compute as pc
from mtl_core.arrow import as_numbers, decoded, is_number, scalar_type
from mtl_core.data.part_files import check_names
from mtl_core.data.parts import Part
from mtl_core.data.types import column_schema
from mtl_core.errors import DataError
from mtl_core.features import ColumnFacts

MAX_ROWS = 200_000
"""Approximate maximum number of sampled rows."""
CHUNK = 4_096  # rows
MAX_COMMON = 20
"""Number of most frequent values in the facts about a column."""


@dataclass(frozen=True, kw_only=True)
class TableSample:
    """Rows of a table, facts and warnings by column ("" for no warning), and the options that read the file."""

    table: pa.Table
    facts: Mapping[str, ColumnFacts]
    warnings: Mapping[str, str]
    reading: DetectedOptions
    complete: bool
    """True if these are all rows of the table."""
    partial: Mapping[str, str]
    """Columns that not all part files have, and so are not read -> the first file without it."""


def sample_table(path: Path) -> TableSample:
    """Sample a file or folder of data, of the columns that all part files have; raises DataError if there are no rows.

    The chunks of rows are evenly spaced over the data: the first rows of a file that is sorted by time, by class or by
    split do not represent the rest.
    """
    source = find_source(path)
    reading = detect(source)
    options = reading.options
    files = source.open(options.csv)
    for file in files:
        check_names(file)
    types = column_schema(files, options)
    lacking = {name: [file.path.name for file in files if name not in file.names] for name in types.names}
    partial = {name: without[0] for name, without in lacking.items() if without}
    names = tuple(name for name in types.names if name not in partial)
    parts = [Part(file=file, reading=options, types=types, shared=names) for file in files]
    chunks, step = _evenly_spaced(chain.from_iterable(part.batches(names) for part in parts))
    table = pa.Table.from_batches(chunks, schema=pa.schema([types.field(name) for name in names]))
    if not table.num_rows or not table.num_columns:
        raise DataError(f"{path}: must have rows and columns, found {table.num_rows} rows, {table.num_columns} columns")
    gaps = len(chunks) - 1 if step > 1 else 0
    facts = {name: _facts(name, table[name].combine_chunks(), gaps) for name in table.column_names}
    warnings = {name: column_warning(column, options.csv) for name, column in facts.items()}
    return TableSample(
        table=table, facts=facts, warnings=warnings, reading=reading, complete=step == 1, partial=partial
    )


def _evenly_spaced(batches: Iterable[pa.RecordBatch]) -> tuple[list[pa.RecordBatch], int]:
    """Every n-th chunk, and n: the smallest power of two with which the chunks have about MAX_ROWS rows."""
    chunks = (batch.slice(start, CHUNK) for batch in batches for start in range(0, batch.num_rows, CHUNK))
    selected: list[pa.RecordBatch] = []
    step = 1
    for index, chunk in enumerate(chunks):
        if len(selected) * CHUNK >= MAX_ROWS and index % step == 0:
            selected, step = selected[::2], 2 * step
        if index % step == 0:
            selected.append(chunk)
    return selected, step


def _facts(name: str, values: pa.Array, gaps: int) -> ColumnFacts:
    """Facts about a column whose rows are consecutive in the table except for a number of gaps."""
    values = decoded(values)
    rows, column_type = len(values), values.type
    if pa.types.is_floating(column_type):
        values = pc.if_else(pc.is_finite(values), values, None)
    values = values.drop_null()
    common: list[tuple[Any, int]] = []
    distinct = 0
    if not (
        pa.types.is_nested(column_type)
        or pa.types.is_null(column_type)
        or isinstance(column_type, pa.BaseExtensionType)
    ):
        counts = sorted_counts(values)
        distinct, top = len(counts), counts[:MAX_COMMON]
        # Python has no dates before the year 1, and does not know every time zone.
        top_values = top.field("values").to_pylist() if scalar_type(column_type) else [None] * len(top)
        common = list(zip(top_values, top.field("counts").to_pylist(), strict=True))
    numbers = as_numbers(values) if is_number(column_type) else None
    whole = numbers is not None and np.array_equal(numbers, np.floor(numbers))
    return ColumnFacts(
        name=name,
        type=column_type,
        rows=rows,
        distinct=distinct,
        common=tuple(common),
        whole=whole,
        sequence=bool(whole and numbers is not None and numbers.size > 1 and (np.diff(numbers) != 1).sum() <= gaps),
        values=values,
    )
