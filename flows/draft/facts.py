"""Facts about the columns of a table, from its first rows."""

from collections.abc import Mapping
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

__all__ = ["Sample", "sample"]

MAX_ROWS = 200_000
"""Rows that are read: ids and kinds show long before."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """The first rows of a table, facts about its columns, doubts about some of them, and how the file is read."""

    table: pa.Table
    facts: Mapping[str, ColumnFacts]
    doubts: Mapping[str, str]
    reading: DetectedReading
    complete: bool
    """True if these are all rows of the table."""


def sample(path: Path) -> Sample:
    """Read the first rows of a Parquet or CSV file; raises DataError where there is nothing to learn from."""
    reading = detect(path)
    options = reading.options
    file = open_part(path, options.csv)
    check_names(file)
    part = Part(file=file, reading=options, types=column_schema([file], options), shared=file.names)
    batches: list[pa.RecordBatch] = []
    complete = True
    for batch in part.batches(part.names):
        if not (complete := sum(seen.num_rows for seen in batches) < MAX_ROWS):
            break
        batches.append(batch)
    table = pa.Table.from_batches(batches, schema=part.types)
    if not table.num_rows or not table.num_columns:
        raise DataError(f"{path}: must have rows and columns, found {table.num_rows} rows, {table.num_columns} columns")
    facts = {name: _facts(name, table[name].combine_chunks()) for name in table.column_names}
    doubts = {name: found for name, about in facts.items() if (found := doubt(about, options.csv))}
    return Sample(table=table, facts=facts, doubts=doubts, reading=reading, complete=complete)


def _facts(name: str, values: pa.Array) -> ColumnFacts:
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
        known=len(known),
        distinct=distinct,
        common=tuple(common),
        whole=whole,
        sequence=bool(whole and numbers is not None and numbers.size > 1 and (np.diff(numbers) == 1).all()),
        values=known,
    )
