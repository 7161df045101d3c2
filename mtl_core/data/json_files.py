"""JSON lines: an object per line. Reads in blocks, and only requested columns."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.json as json

from mtl_core.arrow import is_number, is_temporal, is_text, item_type
from mtl_core.config.data import Csv
from mtl_core.data.cells import without_nulls
from mtl_core.data.inference import infer_type, widen
from mtl_core.errors import DataError

BLOCK = 1 << 24
"""Bytes of a batch, without the rest of its last line."""
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class _Types(NamedTuple):
    """Types of the columns as batches have them, and with the columns of ISO 8601 dates as dates or timestamps."""

    stored: pa.Schema
    inferred: pa.Schema


@dataclass(frozen=True)
class JsonFile:
    """A file of JSON lines, in UTF-8. A column is a key of any line; its values are of one kind, or missing."""

    path: Path
    csv: Csv

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in the order of their first lines."""
        return tuple(self.types.names)

    @property
    def types(self) -> pa.Schema:
        """Types of the columns, from all lines. As in CSV files, text is a date or timestamp if all its values are."""
        return self._types().inferred

    def is_empty(self, column: str) -> bool:
        """True for a column of nulls."""
        return bool(pa.types.is_null(self.types.field(column).type))

    def batches(self, columns: Sequence[str], dictionaries: Collection[str] = ()) -> Iterator[pa.RecordBatch]:
        """Batches of the columns; dates are text, and text has null for the words for missing values."""
        schema = pa.schema([self._types().stored.field(column) for column in columns])
        for block in self._blocks():
            try:
                table = _read(block, schema)
            except (pa.ArrowException, UnicodeError) as error:
                raise self._unreadable(_reason(error)) from None
            for batch in table.select(columns).to_batches():
                arrays = [without_nulls(each, self.csv) if is_text(each.type) else each for each in batch.columns]
                yield pa.RecordBatch.from_arrays(arrays, schema=schema)

    def _types(self) -> _Types:
        status = self.path.stat()
        return _file_types(self, status.st_size, status.st_mtime_ns)

    def _infer_types(self) -> _Types:
        """Read all lines; DataError for the first line that is no object, or has a value of another kind."""
        stored: dict[str, pa.DataType] = {}
        inferred: dict[str, pa.DataType] = {}
        line = 1
        for block in self._blocks():
            try:
                table = _read_text(block)
                wider = _widen(stored, table.schema)
            except (pa.ArrowException, UnicodeError) as error:
                raise self._first_error(block, line, stored) or self._unreadable(_reason(error)) from None
            stored |= wider
            for name in table.column_names:
                if is_text(stored[name]) and not is_text(inferred.setdefault(name, pa.null())):
                    cells = without_nulls(table[name].combine_chunks().cast(pa.string()), self.csv)
                    inferred[name] = widen(inferred[name], infer_type(cells, self.csv))
            line += block.count(b"\n")
        if not stored:
            raise self._unreadable("no line with a value")
        dates = {name: arrow_type for name, arrow_type in inferred.items() if is_temporal(arrow_type)}
        return _Types(pa.schema(stored.items()), pa.schema((stored | dates).items()))

    def _blocks(self) -> Iterator[bytes]:
        """Whole lines of about BLOCK bytes."""
        try:
            with self.path.open("rb") as file:
                if file.read(len(_BYTE_ORDER_MARK)) != _BYTE_ORDER_MARK:
                    file.seek(0)
                while block := file.read(BLOCK) + file.readline():
                    yield block
        except OSError as error:
            raise self._unreadable(str(error)) from None

    def _first_error(self, block: bytes, line: int, stored: dict[str, pa.DataType]) -> DataError | None:
        """The error of the first invalid line of a block that begins at a line. `stored`: the types before it."""
        types = dict(stored)
        for number, text in enumerate(block.split(b"\n"), line):
            if not text.strip():
                continue
            try:
                types |= _widen(types, _read_text(text).schema)
            except (pa.ArrowException, UnicodeError) as error:
                shown = text.decode(errors="replace")
                return DataError(
                    f"{self.path}: line {number} must be one JSON object in UTF-8 with values of the same kinds as the "
                    f"lines before, found {shown!r:.80} ({_reason(error)}); correct or remove the line"
                )
        return None

    def _unreadable(self, found: str) -> DataError:
        return DataError(f"{self.path}: must be a readable file of JSON lines, found {found}; repair or remove it")


@lru_cache(maxsize=1_024)
def _file_types(file: JsonFile, _size: int, _modified_ns: int) -> _Types:
    """Types of a file, cached until its size or modification time changes."""
    return file._infer_types()


def _read(block: bytes, schema: pa.Schema | None) -> pa.Table:
    """The lines as rows, of the columns of a schema or of all; pa.ArrowInvalid or UnicodeError for an invalid line."""
    table = json.read_json(
        pa.BufferReader(block),
        json.ReadOptions(use_threads=False, block_size=len(block) + 1),
        json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="infer" if schema is None else "ignore"),
    )
    table.validate(full=True)  # text may be invalid UTF-8
    # Arrow also reads an object on several lines, but only within a block.
    if table.num_rows != (lines := sum(bool(line.strip()) for line in block.split(b"\n"))):
        raise pa.ArrowInvalid(f"{table.num_rows:,} objects on {lines:,} lines")
    return table


def _read_text(block: bytes) -> pa.Table:
    """The lines as rows of all columns, with dates as text, which Arrow parses only in some formats."""
    table = _read(block, None)
    schema = pa.schema([field.with_type(_timestamps_as_text(field.type)) for field in table.schema])
    return table if schema == table.schema else _read(block, schema)


def _timestamps_as_text(arrow_type: pa.DataType) -> pa.DataType:
    if pa.types.is_timestamp(arrow_type):
        return pa.string()
    if (items := item_type(arrow_type)) is not None:
        return pa.list_(_timestamps_as_text(items))
    if pa.types.is_struct(arrow_type):
        return pa.struct([field.with_type(_timestamps_as_text(field.type)) for field in arrow_type])
    return arrow_type


def _widen(types: dict[str, pa.DataType], schema: pa.Schema) -> dict[str, pa.DataType]:
    """The types of the columns of a schema and before; pa.ArrowInvalid for values of different kinds in a column."""
    wider = {}
    for field in schema:
        first = types.get(field.name, pa.null())
        if not _same_kind(first, field.type):
            raise pa.ArrowInvalid(f"{field.name!r} was {first}, and is {field.type}")
        wider[field.name] = widen(first, field.type)
    return wider


def _same_kind(first: pa.DataType, second: pa.DataType) -> bool:
    """True for two types of JSON of which each value may be in one column."""
    if pa.types.is_null(first) or pa.types.is_null(second) or first == second:
        return True
    items = item_type(first), item_type(second)
    if items[0] is not None and items[1] is not None:
        return _same_kind(*items)
    if pa.types.is_struct(first) and pa.types.is_struct(second):
        other = {field.name: field.type for field in second}
        return all(_same_kind(field.type, other.get(field.name, pa.null())) for field in first)
    return is_number(first) and is_number(second)


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split()).removeprefix("JSON parse error: ")
    return f"{text.partition(' in row ')[0]:.200}"
