"""CSV files, whose cells are text. Reads lazily, and only requested columns."""

import codecs
import csv as standard_csv
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as csv

from mtl_core.arrow import is_text
from mtl_core.config.data import Csv
from mtl_core.data.inference import infer_type, widen
from mtl_core.errors import DataError

BLOCK = 1 << 24
"""Bytes of a batch."""
SEPARATORS = (",", ";", "\t", "|")
"""Common separators of cells in CSV files."""


@dataclass(frozen=True)
class CsvFile:
    """A CSV file in the declared format."""

    path: Path
    csv: Csv

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, from the first line that is not empty."""
        # Python drops a byte order mark only for this encoding; Arrow always does.
        encoding = "utf-8-sig" if codecs.lookup(self.csv.encoding).name == "utf-8" else self.csv.encoding
        try:
            with self.path.open(encoding=encoding, newline="") as file:
                lines = standard_csv.reader(file, delimiter=self.csv.separator)
                return tuple(next((line for line in lines if line), ()))
        except (OSError, UnicodeError, standard_csv.Error) as error:
            raise self.unreadable(error) from None

    @property
    def types(self) -> pa.Schema:
        """Types of the columns, from all cells."""
        status = self.path.stat()
        return _csv_types(self, status.st_size, status.st_mtime_ns)

    def is_empty(self, column: str) -> bool:
        """True for a column of nulls."""
        return bool(pa.types.is_null(self.types.field(column).type))

    def batches(self, columns: Sequence[str], dictionaries: Collection[str] = ()) -> Iterator[pa.RecordBatch]:
        """Batches of the columns, as text, with null for the words for missing values."""
        read = csv.ReadOptions(block_size=BLOCK, encoding=self.csv.encoding)
        parse = csv.ParseOptions(delimiter=self.csv.separator, newlines_in_values=True)
        types = dict.fromkeys(self.names, pa.string())
        convert = csv.ConvertOptions(
            include_columns=list(columns),
            column_types=types,
            null_values=["", *self.csv.nulls],
            strings_can_be_null=True,
        )
        try:
            with csv.open_csv(self.path, read_options=read, parse_options=parse, convert_options=convert) as reader:
                yield from reader
        except (pa.ArrowException, OSError, UnicodeError, KeyError) as error:
            raise self.unreadable(error) from None

    def unreadable(self, error: Exception) -> DataError:
        """The error for a file that is not in the declared format."""
        reason = " ".join(str(error).split())
        if isinstance(error, UnicodeError) or "UTF8" in reason:
            return DataError(
                f"{self.path}: must be {self.csv.encoding} text, found a byte that is not ({reason:.80}); declare its "
                "encoding, as in data.csv: {encoding: latin-1} (or cp1252, utf-16 ...), or write the file as utf-8"
            )
        if "straddling" in reason:
            fix = f"a row must be shorter than {BLOCK >> 20} MiB; is a quote not closed?"
        elif "columns, got" in reason:
            fix = f"every line must have as many cells as the header, whose names are {self._header()}"
            fix += "; is a quote not closed?" if '"' in reason.partition("columns, got")[2] else ""
        else:
            fix = "repair or remove it"
        return DataError(f"{self.path}: must be a readable CSV file, found: {reason:.300}; {fix}")

    def _header(self) -> str:
        names = ", ".join(repr(name) for name in self.names[:5]) + (" ..." if len(self.names) > 5 else "")
        others = [mark for mark in SEPARATORS if mark != self.csv.separator]
        if len(self.names) == 1 and (separators := [mark for mark in others if mark in self.names[0]]):
            return f"{names}; declare the separator, as in data.csv: {{separator: {separators[0]!r}}}"
        return f"{names}; remove lines above the header, repair the line, or declare data.csv.separator"


@lru_cache(maxsize=1_024)
def _csv_types(file: CsvFile, _size: int, _modified_ns: int) -> pa.Schema:
    """Types over all cells of a file, cached until its size or modification time changes."""
    types: dict[str, pa.DataType] = dict.fromkeys(file.names, pa.null())
    for batch in file.batches(file.names):
        for name, cells in zip(batch.schema.names, batch.columns, strict=True):
            if not is_text(types[name]):
                types[name] = widen(types[name], infer_type(cells, file.csv))
    return pa.schema(types.items())
