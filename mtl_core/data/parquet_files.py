"""Parquet files. Reads lazily, and only requested columns."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mtl_core.arrow import is_text
from mtl_core.config.data import Csv
from mtl_core.data.cells import without_nulls
from mtl_core.errors import DataError

BATCH = 1 << 17
"""Rows of a batch."""
_INT96_UNIT = "us"
"""Unit for INT96 timestamps, such as Spark's; in Arrow's default of nanoseconds 9999-12-31 wraps around to 1816."""


@dataclass(frozen=True)
class ParquetFile:
    """A Parquet file."""

    path: Path
    csv: Csv

    @cached_property
    def _file(self) -> pq.ParquetFile:
        try:
            return self._open()
        except (pa.ArrowException, OSError) as error:
            raise self.unreadable(error) from None

    def _open(self, **options: Any) -> pq.ParquetFile:
        return pq.ParquetFile(self.path, memory_map=True, coerce_int96_timestamp_unit=_INT96_UNIT, **options)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(self._file.schema_arrow.names)

    @cached_property
    def types(self) -> pa.Schema:
        """Types of the columns, from the footer; types with few Arrow functions as the nearest plain type."""
        return pa.schema([field.with_type(_plain(field.type)) for field in self._file.schema_arrow])

    def is_empty(self, column: str) -> bool:
        """True for a column of nulls."""
        return all(batch.column(0).null_count == batch.num_rows for batch in self.batches([column]))

    def batches(self, columns: Sequence[str], dictionaries: Collection[str] = ()) -> Iterator[pa.RecordBatch]:
        """Batches of the columns; text has null for the words for missing values.

        Columns in `dictionaries` are read as dictionary arrays if they are text, as most files store them.
        """
        schema, names = self._file.schema_arrow, frozenset(self.names)
        texts = [name for name in dictionaries if name in names and pa.types.is_string(schema.field(name).type)]
        try:
            file = self._file
            if texts:  # dictionary columns are an option of opening a file
                file = self._open(metadata=self._file.metadata, read_dictionary=texts)
            for batch in file.iter_batches(columns=list(columns), batch_size=BATCH):
                yield pa.RecordBatch.from_arrays([self._text(values) for values in batch.columns], batch.schema.names)
        except (pa.ArrowException, OSError, KeyError) as error:
            raise self.unreadable(error) from None

    def _text(self, values: pa.Array) -> pa.Array:
        """Text without the words for missing values; all other values as they are."""
        if not is_text(values.type):
            return values
        values.validate(full=True)  # text may be invalid UTF-8
        if pa.types.is_string_view(values.type):  # which has few Arrow functions
            values = values.cast(pa.string())
        return without_nulls(values, self.csv)

    def unreadable(self, error: Exception) -> DataError:
        """The error for a file that is damaged or no Parquet file."""
        reason = " ".join(str(error).split())
        return DataError(f"{self.path}: must be a readable Parquet file, found: {reason:.300}; repair or remove it")


def _plain(stored: pa.DataType) -> pa.DataType:
    if pa.types.is_string_view(stored):
        return pa.string()
    return pa.float64() if pa.types.is_decimal(stored) or pa.types.is_float16(stored) else stored
