"""The type of each column over all part files."""

from collections.abc import Sequence
from functools import reduce

import pyarrow as pa

from mtl_core import arrow_compute as pc
from mtl_core.arrow import is_number, is_temporal, is_text, value_type
from mtl_core.config.data import ReadOptions
from mtl_core.data.cells import KINDS, is_finite_number
from mtl_core.data.inference import widen
from mtl_core.data.part_files import PartFile
from mtl_core.errors import DataError

_DEFAULT_TYPES = {"text": pa.string(), "number": pa.float64(), "boolean": pa.bool_(), "datetime": pa.timestamp("us")}
"""Types of columns that are declared to be of a kind, and are stored as another."""
_TIME_DIRECTIVES = ("%H", "%I", "%M", "%S", "%f", "%p", "%X", "%c", "%z")


def column_schema(files: Sequence[PartFile], reading: ReadOptions) -> pa.Schema:
    """The columns of all files, each with the type that holds all its values, or with its declared type."""
    fields: dict[str, pa.Field] = {}
    for file in files:
        for field in file.types:
            fields[field.name] = _widen_field(files, fields[field.name], field) if field.name in fields else field
    return pa.schema([_declared(field, reading) for field in fields.values()])


def check_parts_agree(files: Sequence[PartFile], column: str, reading: ReadOptions) -> None:
    """DataError for a column that is text only because its parts have incompatible types, such as bool and int64.

    A declared type allows it.
    """
    if column in reading.types or column in reading.dates:
        return
    first_files: dict[str, PartFile] = {}
    for file in files:
        if column in file.names and not file.is_empty(column):
            first_files.setdefault(str(value_type(file.types.field(column).type)), file)
    types = [file.types.field(column).type for file in first_files.values()]
    if any(map(is_text, types)) or not is_text(reduce(widen, types, pa.null())):
        return
    found = " and ".join(f"{name} in {file.path.name}" for name, file in first_files.items())
    booleans = any(map(pa.types.is_boolean, types)) and all(is_number(each) or each == pa.bool_() for each in types)
    declared = f"data.types: {{{column}: {'boolean' if booleans else 'text'}}}"
    raise DataError(
        f"column {column!r} must have compatible types in its parts, found {found}; correct the parts, or declare "
        f"the type, as in {declared}"
    )


def reason_for_text(files: Sequence[PartFile], column: str) -> str:
    """The first cell that makes a column text although most of its cells are numbers; else ""."""
    numbers, rows, example = 0, 0, ""
    for file in files:
        start = 0
        for batch in file.batches([column]):
            if not is_text(batch.column(0).type):
                numbers, rows = numbers + batch.num_rows, rows + batch.num_rows
                continue
            cells = pc.cast(batch.column(0), pa.string())
            is_number_cell = is_finite_number(cells, file.csv)
            numbers += pc.sum(is_number_cell).as_py() or 0
            rows += len(cells) - cells.null_count
            others = pc.and_(pc.invert(is_number_cell), pc.is_valid(cells))
            if not example and (index := pc.index(others, True).as_py()) >= 0:
                example = f"{cells[index].as_py()!r:.60} in row {start + index} of {file.path.name}"
            start += batch.num_rows
    if not example or 2 * numbers < rows:
        return ""
    return (
        f"\n  column {column!r} is text because of {example}, besides {numbers:,} numbers; repair the cell, or name it "
        "in data.csv.nulls if it stands for a missing value"
    )


def _widen_field(files: Sequence[PartFile], first: pa.Field, second: pa.Field) -> pa.Field:
    if first.type == second.type:
        return first.with_nullable(first.nullable or second.nullable)
    with_values = [file for file in files if first.name in file.names and not file.is_empty(first.name)]
    return pa.field(first.name, reduce(widen, (file.types.field(first.name).type for file in with_values), pa.null()))


def _declared(field: pa.Field, reading: ReadOptions) -> pa.Field:
    if (date_format := reading.dates.get(field.name)) and not is_temporal(field.type):
        return pa.field(field.name, _type_of_format(date_format))
    if (declared := reading.types.get(field.name)) is not None:
        return pa.field(field.name, field.type if KINDS[declared](field.type) else _DEFAULT_TYPES[declared])
    # A column without any value is text, since the null of a request can be of any type.
    return field.with_type(pa.string()) if pa.types.is_null(field.type) else field


def _type_of_format(date_format: str) -> pa.DataType:
    if "%z" in date_format:
        return pa.timestamp("us", "UTC")
    return pa.timestamp("us") if any(directive in date_format for directive in _TIME_DIRECTIVES) else pa.date32()
