"""Part files of a data set, Parquet or CSV, read lazily and only the requested columns."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq

from mtl_core.arrow import as_dictionary, column_type, is_number
from mtl_core.config import Problem
from mtl_core.errors import DataError, nearest

__all__ = ["BATCH", "BLOCK", "Part", "column_types", "parts"]

SUFFIXES = (".parquet", ".csv")
BATCH, BLOCK = 1 << 17, 1 << 24
"""Size of a batch: rows of Parquet, bytes of CSV."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part file. `types` are the columns' types in the first part, which every part must have."""

    path: Path
    nulls: tuple[str, ...]
    types: pa.Schema

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name

    def _parquet(self, columns: Sequence[str], dictionaries: Collection[str]) -> pq.ParquetFile:
        try:
            file = pq.ParquetFile(self.path, memory_map=True)
        except (pa.ArrowInvalid, OSError) as error:
            raise DataError(f"{self.path}: must be a readable Parquet file, found: {error}") from None
        own = file.schema_arrow
        if missing := [column for column in columns if column not in own.names]:
            raise KeyError(f"no column {missing[0]!r}")
        texts = [column for column in dictionaries if pa.types.is_string(own.field(column).type)]
        return pq.ParquetFile(self.path, metadata=file.metadata, memory_map=True, read_dictionary=texts)

    def batches(self, columns: Sequence[str], dictionaries: Collection[str] = ()) -> Iterator[pa.RecordBatch]:
        """The columns, in that order, in batches that fit in memory.

        Args:
            dictionaries: columns of text to read as dictionary arrays, as most Parquet files store them.
        """
        columns = list(columns)
        for column in columns:
            if column not in self.types.names:
                raise DataError(f"{self.path}: no column {column!r}; {nearest(column, self.types.names)}")
        types = pa.schema([self.types.field(column) for column in columns])
        wanted = pa.schema([_as_dictionary(field) if field.name in dictionaries else field for field in types])
        try:
            for batch in self._batches(columns, types, dictionaries):
                yield _with_dictionaries(batch.select(columns), wanted).cast(wanted)
        except (pa.ArrowException, OSError, KeyError) as error:
            raise DataError(
                f"{self.path}: must be readable, with the columns and types of the first part, found: {_words(error)}; "
                "repair or remove the part"
            ) from None

    def read(self, columns: Sequence[str]) -> pa.Table:
        """The columns of the whole part."""
        wanted = pa.schema([self.types.field(column) for column in columns if column in self.types.names])
        return pa.Table.from_batches(self.batches(columns), schema=wanted)

    def _batches(self, columns: list[str], types: pa.Schema, dictionaries: Collection[str]) -> Iterator[pa.RecordBatch]:
        if _suffix(self.path) == ".parquet":
            yield from self._parquet(columns, dictionaries).iter_batches(columns=columns, batch_size=BATCH)
            return
        convert = _convert(self.nulls, columns, {field.name: field.type for field in types})
        with csv.open_csv(self.path, read_options=_READ, parse_options=_PARSE, convert_options=convert) as reader:
            yield from reader


def parts(folder: Path, problem: Problem) -> tuple[Part, ...]:
    """The part files of a problem's data, in the order of their names; hidden and other files are ignored."""
    root = folder / problem.data.path
    if not root.exists():
        raise DataError(
            f"{root}: data.path must be a file or a folder, found nothing there; `mtl data` fetches what data.dvc pins"
        )
    paths = sorted(path for path in root.iterdir() if _is_part(path)) if root.is_dir() else [root]
    if not paths or _suffix(paths[0]) not in SUFFIXES:
        raise DataError(f"{root}: data must be {' or '.join(SUFFIXES)} files, found none")
    types = _types(paths[0], problem.data.nulls)
    if twice := [name for name, count in Counter(types.names).items() if count > 1]:
        raise DataError(f"{paths[0]}: column names must be distinct, found {twice[0]!r} twice; rename one")
    return tuple(Part(path=path, nulls=problem.data.nulls, types=types) for path in paths)


def column_types(folder: Path, problem: Problem, types: pa.Schema | None = None) -> dict[str, pa.DataType]:
    """The Arrow type of each feature and target column, from the first part's schema, unless `types` is that.

    DataError where a column is not there, or no feature, task or weight can read its type.
    """
    types = parts(folder, problem)[0].types if types is None else types
    _check_weights(problem, types)
    found = {}
    for column in problem.columns:
        if column not in types.names:
            raise DataError(f"{folder / problem.data.path}: no column {column!r}; {nearest(column, types.names)}")
        if column in problem.feature_columns or column in problem.targets:
            found[column] = types.field(column).type
    for name, feature in problem.features.items():
        feature.input_type(name, problem.column_of(name), found[problem.column_of(name)])
    for task in problem.tasks.values():
        for target in task.targets:
            column_type(target, found[target], task.reads)
    return found


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


def _types(path: Path, nulls: tuple[str, ...]) -> pa.Schema:
    try:
        if _suffix(path) == ".parquet":
            return pq.read_schema(path)
        with csv.open_csv(path, read_options=_READ, parse_options=_PARSE, convert_options=_convert(nulls)) as reader:
            fields = reader.schema
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: must be a readable {_suffix(path)[1:]} file, found: {error}") from None
    # CSV has no types: a column that is whole in the first block may have fractions or nulls further down.
    widened = {pa.int64(): pa.float64(), pa.null(): pa.string()}
    return pa.schema([field.with_type(widened.get(field.type, field.type)) for field in fields])


def _as_dictionary(field: pa.Field) -> pa.Field:
    of = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    return field.with_type(pa.dictionary(pa.int32(), of))


def _with_dictionaries(batch: pa.RecordBatch, wanted: pa.Schema) -> pa.RecordBatch:
    """The batch with dictionary arrays where they are wanted; Arrow cannot cast every type to one."""
    for index, field in enumerate(wanted):
        values = batch.column(index)
        if pa.types.is_dictionary(field.type) and not pa.types.is_dictionary(values.type):
            entries = as_dictionary(values.cast(field.type.value_type))
            batch = batch.set_column(index, field.with_type(entries.type), entries)
    return batch


def _is_part(path: Path) -> bool:
    return _suffix(path) in SUFFIXES and not path.name.startswith(".") and path.is_file()


def _suffix(path: Path) -> str:
    return path.suffix.lower()


def _words(error: Exception) -> str:
    # A KeyError's text is the representation of its argument.
    return str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)


_READ = csv.ReadOptions(block_size=BLOCK)
_PARSE = csv.ParseOptions(newlines_in_values=True)


def _convert(
    nulls: tuple[str, ...], columns: list[str] | None = None, types: dict[str, pa.DataType] | None = None
) -> csv.ConvertOptions:
    return csv.ConvertOptions(
        null_values=list(nulls), strings_can_be_null=True, include_columns=columns, column_types=types
    )
