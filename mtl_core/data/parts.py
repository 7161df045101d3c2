"""Part files of a data set: their rows, with one type per column over all of them."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from mtl_core.arrow import column_type, is_number, is_text, value_type
from mtl_core.config import Problem, Reading
from mtl_core.data.cells import convert, first_misfit
from mtl_core.data.part_files import SUFFIXES, PartFile, check_names, open_part, suffix
from mtl_core.data.types import check_parts_agree, column_schema, why_text
from mtl_core.errors import DataError, nearest

__all__ = ["Part", "column_types", "parts"]


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part file. `types` are the columns' types over all parts, by which every part is read."""

    file: PartFile
    reading: Reading
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

    def own_types(self) -> pa.Schema:
        """Types of the columns that this file has, over this file alone."""
        return column_schema([self.file], self.reading)

    def batches(
        self, columns: Sequence[str], dictionaries: Collection[str] = (), types: pa.Schema | None = None
    ) -> Iterator[pa.RecordBatch]:
        """The columns, in that order, in batches that fit in memory.

        Args:
            dictionaries: columns of text to read as dictionary arrays, as most Parquet files store them.
            types: other types than those over all parts.

        Raises:
            DataError: a column that the file lacks, or a value that is not of its column's type.
        """
        columns, types = list(columns), self.types if types is None else types
        for column in columns:
            if column not in self.names:
                raise DataError(f"{self.path}: no column {column!r}; {nearest(column, self.names)}")
        wanted = pa.schema([types.field(column) for column in columns])
        wanted = pa.schema([_as_dictionary(field) if field.name in dictionaries else field for field in wanted])
        row = 0
        for batch in self.file.batches(columns, dictionaries):
            arrays = [self._convert(batch.column(field.name), field, row) for field in wanted]
            row += batch.num_rows
            yield _batch(arrays, wanted, batch.num_rows)

    def read(self, columns: Sequence[str], types: pa.Schema | None = None) -> pa.Table:
        """The columns of the whole part."""
        batches = list(self.batches(columns, types=types))
        types = self.types if types is None else types
        return pa.Table.from_batches(batches, schema=pa.schema([types.field(column) for column in columns]))

    def _convert(self, values: pa.Array, field: pa.Field, row: int) -> pa.Array:
        form = self.reading.dates.get(field.name)
        try:
            return convert(values, field.type, self.reading.csv, form)
        except pa.ArrowException as error:
            position = first_misfit(values, field.type, self.reading.csv, form)
            fix = "repair the cell, or name it in data.csv.nulls where it stands for a missing value"
            raise DataError(
                f"{self.path}: column {field.name!r} must be {_rule(field, self.reading)}, found "
                f"{values[position].as_py()!r:.60} in row {row + position} ({error!s:.100}); "
                f"{fix if is_text(values.type) else 'repair or remove the part'}"
            ) from None


def parts(folder: Path, problem: Problem) -> tuple[Part, ...]:
    """The part files of a problem's data, in the order of their names; hidden and other files are ignored.

    Decides the types of the columns, for which CSV files are read once as a whole. Raises DataError.
    """
    root = folder / problem.data.path
    if not root.exists():
        raise DataError(
            f"{root}: data.path must be a file or a folder, found nothing there; `mtl data` fetches what data.dvc pins"
        )
    paths = sorted(path for path in root.iterdir() if _is_part(path)) if root.is_dir() else [root]
    if not paths or suffix(paths[0]) not in SUFFIXES:
        raise DataError(f"{root}: data must be {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]} files, found none")
    files = [open_part(path, problem.data.csv) for path in paths]
    for file in files:
        check_names(file)
    reading = problem.data.reading
    types = column_schema(files, reading)
    for option in ("types", "dates"):
        for column in getattr(reading, option):
            if column not in types.names:
                raise DataError(f"data.{option}.{column}: no such column; {nearest(column, types.names)}")
    shared = tuple(name for name in types.names if all(name in file.names for file in files))
    return tuple(Part(file=file, reading=reading, types=types, shared=shared) for file in files)


def column_types(folder: Path, problem: Problem, sources: Sequence[Part] = ()) -> dict[str, pa.DataType]:
    """The Arrow type of each feature and target column. `sources` are the problem's parts, where they are known.

    DataError where a column is not there, or no feature, task or weight can read its type.
    """
    sources = sources or parts(folder, problem)
    types = sources[0].types
    _check_weights(problem, types)
    found = {}
    for column in problem.columns:
        if column not in types.names:
            raise DataError(f"{folder / problem.data.path}: no column {column!r}; {nearest(column, types.names)}")
        if is_text(types.field(column).type):
            check_parts_agree([part.file for part in sources], column, problem.data.reading)
        if column in problem.feature_columns or column in problem.targets:
            found[column] = types.field(column).type
    for name, feature in problem.features.items():
        column = problem.column_of(name)
        try:
            feature.input_type(name, column, found[column])
        except DataError as error:
            raise DataError(f"{error}{_why_text(sources, column)}") from None
    for task in problem.tasks.values():
        for target in task.targets:
            try:
                column_type(target, found[target], task.reads)
            except DataError as error:
                raise DataError(f"{error}{_why_text(sources, target)}") from None
    return found


def _why_text(sources: Sequence[Part], column: str) -> str:
    if not is_text(sources[0].types.field(column).type):
        return ""
    return why_text([part.file for part in sources], column)


def _check_weights(problem: Problem, types: pa.Schema) -> None:
    for name, task in problem.tasks.items():
        if not (column := task.weight_column):
            continue
        where = f"tasks.{name}.weight_column: must be a column of numbers or booleans"
        if column not in types.names:
            raise DataError(f"{where}, found no column {column!r}; {nearest(column, types.names)}")
        found = types.field(column).type
        if not (is_number(found) or pa.types.is_boolean(found)):
            raise DataError(f"{where}, found {found} in {column!r}; convert it")


def _rule(field: pa.Field, reading: Reading) -> str:
    if form := reading.dates.get(field.name):
        return f"of the format {form!r}, as data.dates declares"
    declared = reading.types.get(field.name)
    return f"{declared}, as data.types declares" if declared else f"{value_type(field.type)} as in the other parts"


def _as_dictionary(field: pa.Field) -> pa.Field:
    return field.with_type(pa.dictionary(pa.int32(), value_type(field.type)))


def _batch(arrays: list[pa.Array], wanted: pa.Schema, rows: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(arrays, schema=wanted) if arrays else pa.RecordBatch.from_pylist([{}] * rows)


def _is_part(path: Path) -> bool:
    return suffix(path) in SUFFIXES and not path.name.startswith(".") and path.is_file()
