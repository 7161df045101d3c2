"""Facts about the columns of a table, from its first rows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq

from mtl_core import arrow_compute as pc
from mtl_core.arrow import scalar_type
from mtl_core.errors import DataError
from mtl_core.features import ColumnFacts
from mtl_core.features.iso import is_iso_timestamp

__all__ = ["Sample", "sample"]

ROWS = 200_000
"""Read at most; ids and kinds show long before."""
NULL_WORDS = ("NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "none", "?", "-")


@dataclass(frozen=True, kw_only=True)
class Sample:
    """The first rows of a table, facts about its columns, and the words that stand for a missing value."""

    table: pa.Table
    facts: Mapping[str, ColumnFacts]
    nulls: tuple[str, ...]
    complete: bool
    """True if these are all rows of the table."""


def sample(path: Path) -> Sample:
    """Read the first rows of a Parquet or CSV file; raises DataError where there is nothing to learn from."""
    nulls: tuple[str, ...] = ("",)
    table, complete = _read(path, nulls)
    if path.suffix == ".csv" and (words := _null_words(table)):
        nulls = ("", *words)
        table, complete = _read(path, nulls)
    if not table.num_rows or not table.num_columns:
        raise DataError(f"{path}: must have rows and columns, found {table.num_rows} rows, {table.num_columns} columns")
    if twice := [name for name in dict.fromkeys(table.column_names) if table.column_names.count(name) > 1]:
        raise DataError(f"{path}: every column needs a name of its own, found twice: {', '.join(twice)}; rename one")
    facts = {name: _facts(name, table[name].combine_chunks()) for name in table.column_names}
    return Sample(table=table, facts=facts, nulls=nulls, complete=complete)


def _read(path: Path, nulls: Sequence[str]) -> tuple[pa.Table, bool]:
    try:
        batches: list[pa.RecordBatch] = []
        schema, more = None, False
        for batch in _batches(path, nulls):
            schema = batch.schema
            if more := sum(seen.num_rows for seen in batches) >= ROWS:
                break
            batches.append(batch)
        return (pa.Table.from_batches(batches, schema=schema) if schema is not None else pa.table({})), not more
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{path}: must be a readable {path.suffix[1:]} file, found: {error}") from None


def _batches(path: Path, nulls: Sequence[str]) -> Iterator[pa.RecordBatch]:
    if path.suffix == ".parquet":
        yield from pq.ParquetFile(path).iter_batches(batch_size=1 << 16)
        return
    read = csv.ReadOptions(block_size=1 << 24)
    convert = csv.ConvertOptions(null_values=list(nulls), strings_can_be_null=True)
    with csv.open_csv(path, read_options=read, convert_options=convert) as reader:
        yield from reader


def _null_words(table: pa.Table) -> tuple[str, ...]:
    """Words that make text of columns which are numbers or moments otherwise."""
    found: set[str] = set()
    for column in table.columns:
        if pa.types.is_string(column.type):
            values = [value for value in column.unique().to_pylist() if value is not None]
            words = {value for value in values if value.strip() in NULL_WORDS}
            others = [value for value in values if value not in words]
            if words and others and (all(map(_is_number, others)) or _are_timestamps(others)):
                found |= words
    return tuple(sorted(found))


def _are_timestamps(texts: list[str]) -> bool:
    return any(is_iso_timestamp(pa.array(texts), zoned=zoned).all() for zoned in (False, True))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _facts(name: str, values: pa.Array) -> ColumnFacts:
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
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
    numbers = _numbers(known)
    whole = bool(numbers is not None and np.array_equal(numbers, np.floor(numbers)))
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


def _numbers(known: pa.Array) -> Any:
    kind = known.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return pc.cast(known, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return None
