"""Part files of a data set: their rows, with one type per column over all parts."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from mtl_core.arrow import is_text, value_type
from mtl_core.config import Problem, ReadOptions
from mtl_core.data.cells import convert, first_unreadable
from mtl_core.data.part_files import PartFile, check_names, open_files
from mtl_core.data.types import column_schema
from mtl_core.errors import DataError, suggestion


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part file, read with `types`, the column types over all parts."""

    file: PartFile
    reading: ReadOptions
    types: pa.Schema
    shared: tuple[str, ...]
    """Names of the columns that every part has."""

    @property
    def path(self) -> Path:
        """The file."""
        return self.file.path

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns that this file has."""
        return self.file.names

    def file_types(self) -> pa.Schema:
        """Types of the file's columns, from this file alone."""
        return column_schema([self.file], self.reading)

    def batches(
        self, columns: Sequence[str], dictionaries: Collection[str] = (), types: pa.Schema | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Batches of the columns, in that order, that fit in memory.

        Args:
            dictionaries: columns of text to read as dictionary arrays, as most Parquet files store them.
            types: column types to use instead of those over all parts.

        Raises:
            DataError: a column that the file lacks, or a value that is not of its column's type.
        """
        types, names = self.types if types is None else types, frozenset(self.names)
        for column in columns:
            if column not in names:
                raise DataError(f"{self.path}: no column {column!r}; {suggestion(column, self.names)}")
        fields = [types.field(column) for column in columns]
        dictionaries = frozenset(dictionaries)
        schema = pa.schema([_as_dictionary(field) if field.name in dictionaries else field for field in fields])
        row = 0
        for batch in self.file.batches(columns, dictionaries):
            arrays = [self._convert(batch.column(field.name), field, row) for field in schema]
            row += batch.num_rows
            if arrays:
                yield pa.RecordBatch.from_arrays(arrays, schema=schema)
            else:
                yield pa.RecordBatch.from_pylist([{}] * batch.num_rows)

    def read(self, columns: Sequence[str], types: pa.Schema | None = None) -> pa.Table:
        """The columns of the whole part."""
        batches = list(self.batches(columns, types=types))
        types = self.types if types is None else types
        return pa.Table.from_batches(batches, schema=pa.schema([types.field(column) for column in columns]))

    def _convert(self, values: pa.Array, field: pa.Field, row: int) -> pa.Array:
        date_format = self.reading.dates.get(field.name)
        try:
            return convert(values, field.type, self.reading.csv, date_format)
        except pa.ArrowException as error:
            index = first_unreadable(values, field.type, self.reading.csv, date_format)
            fix = "repair the cell, or name it in data.csv.nulls if it stands for a missing value"
            raise DataError(
                f"{self.path}: column {field.name!r} must be {_rule(field, self.reading)}, found "
                f"{values[index].as_py()!r:.60} in row {row + index} ({error!s:.100}); "
                f"{fix if is_text(values.type) else 'repair or remove the part'}"
            ) from None


def open_data(folder: Path, problem: Problem) -> tuple[Problem, tuple[Part, ...]]:
    """The problem with its patterns resolved over the columns that every part has, and the parts.

    Raises DataError for data that cannot be read, ProblemError for a pattern that does not fit the columns.
    """
    sources = open_parts(folder, problem)
    return problem.resolved(sources[0].shared), sources


def open_parts(folder: Path, problem: Problem) -> tuple[Part, ...]:
    """The part files of a problem's data, in the order of their names; hidden and other files are ignored.

    Infers the column types, which reads all cells of CSV files and all lines of JSON lines. Raises DataError.
    """
    root = folder / problem.data.path
    if not root.exists():
        raise DataError(
            f"{root}: data.path must be a file or a folder, found nothing there; `mtl data` fetches what data.dvc pins"
        )
    return as_parts(open_files(root, problem.data), problem.data.reading)


def as_parts(files: Sequence[PartFile], reading: ReadOptions) -> tuple[Part, ...]:
    """The files as parts of one data set. Raises DataError."""
    for file in files:
        check_names(file)
    types = column_schema(files, reading)
    for option in ("types", "dates"):
        for column in getattr(reading, option):
            if types.get_field_index(column) < 0:
                raise DataError(f"data.{option}.{column}: no such column; {suggestion(column, types.names)}")
    names = [frozenset(file.names) for file in files]
    shared = tuple(name for name in types.names if all(name in of_file for of_file in names))
    return tuple(Part(file=file, reading=reading, types=types, shared=shared) for file in files)


def _rule(field: pa.Field, reading: ReadOptions) -> str:
    if date_format := reading.dates.get(field.name):
        return f"of the format {date_format!r}, as data.dates declares"
    declared = reading.types.get(field.name)
    return f"{declared}, as data.types declares" if declared else f"{value_type(field.type)} as in the other parts"


def _as_dictionary(field: pa.Field) -> pa.Field:
    return field.with_type(pa.dictionary(pa.int32(), value_type(field.type)))
