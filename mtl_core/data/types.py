"""The type of each column, decided over all part files at once."""

from collections.abc import Sequence
from functools import reduce

import pyarrow as pa

from mtl_core import arrow_compute as pc
from mtl_core.arrow import is_number, is_temporal, is_text, value_type
from mtl_core.config.data import DeclaredType, Reading
from mtl_core.data.cells import is_known_number
from mtl_core.data.inference import widen
from mtl_core.data.part_files import PartFile
from mtl_core.errors import DataError

_TIME_DIRECTIVES = ("%H", "%I", "%M", "%S", "%f", "%p", "%X", "%c", "%z")


def column_schema(files: Sequence[PartFile], reading: Reading) -> pa.Schema:
    """The columns that some file has, each with the type that holds all its values, or with its declared one."""
    fields: dict[str, pa.Field] = {}
    for file in files:
        for field in file.types:
            fields[field.name] = _widened(files, fields[field.name], field) if field.name in fields else field
    return pa.schema([_declared(field, reading) for field in fields.values()])


def check_parts_agree(files: Sequence[PartFile], column: str, reading: Reading) -> None:
    """Raise DataError for a column that is text only because its parts have types that do not agree.

    None of these types holds the other's values, as booleans and numbers; declaring the column's type allows it.
    """
    if column in reading.types or column in reading.dates:
        return
    first: dict[str, PartFile] = {}
    for file in files:
        if column in file.names and not file.is_empty(column):
            first.setdefault(str(value_type(file.types.field(column).type)), file)
    found = [file.types.field(column).type for file in first.values()]
    if any(map(is_text, found)) or not is_text(reduce(widen, found, pa.null())):
        return
    seen = " and ".join(f"{name} in {file.path.name}" for name, file in first.items())
    booleans = any(map(pa.types.is_boolean, found)) and all(is_number(each) or each == pa.bool_() for each in found)
    declared = f"data.types: {{{column}: {'boolean' if booleans else 'text'}}}"
    raise DataError(
        f"column {column!r} must have types in its parts that go together, found {seen}; correct the parts, or declare "
        f"the type, as in {declared}"
    )


def why_text(files: Sequence[PartFile], column: str) -> str:
    """An explanation for a column of text whose cells are mostly numbers, naming a cell that is none; else ""."""
    numbers, rows, example = 0, 0, ""
    for file in files:
        start = 0
        for batch in file.batches([column]):
            if not is_text(batch.column(0).type):
                numbers, rows = numbers + batch.num_rows, rows + batch.num_rows
                continue
            cells = pc.cast(batch.column(0), pa.string())
            known = is_known_number(cells, file.csv)
            numbers += pc.sum(known).as_py() or 0
            rows += len(cells) - cells.null_count
            others = pc.and_(pc.invert(known), pc.is_valid(cells))
            if not example and (position := pc.index(others, True).as_py()) >= 0:
                example = f"{cells[position].as_py()!r:.60} in row {start + position} of {file.path.name}"
            start += batch.num_rows
    if not example or 2 * numbers < rows:
        return ""
    return (
        f"\n  column {column!r} is text because of {example}, beside {numbers:,} numbers; repair the cell, or name it "
        "in data.csv.nulls where it stands for a missing value"
    )


def _widened(files: Sequence[PartFile], one: pa.Field, other: pa.Field) -> pa.Field:
    if one.type == other.type:
        return one.with_nullable(one.nullable or other.nullable)
    found = pa.null()
    for file in files:
        if one.name in file.names and not file.is_empty(one.name):
            found = widen(found, file.types.field(one.name).type)
    return pa.field(one.name, found)


def _declared(field: pa.Field, reading: Reading) -> pa.Field:
    if (form := reading.dates.get(field.name)) and not is_temporal(field.type):
        return pa.field(field.name, _type_of_format(form))
    if (declared := reading.types.get(field.name)) is not None:
        return pa.field(field.name, _type_declared(declared, field.type))
    # A column without any value is text, as a request's null is one of any type.
    return field.with_type(pa.string()) if pa.types.is_null(field.type) else field


def _type_declared(declared: DeclaredType, found: pa.DataType) -> pa.DataType:
    """The type found where it is of the declared kind."""
    match declared:
        case "text":
            return found if is_text(found) else pa.string()
        case "number":
            return found if is_number(found) else pa.float64()
        case "boolean":
            return pa.bool_()
        case "datetime":
            return found if is_temporal(found) else pa.timestamp("us")


def _type_of_format(form: str) -> pa.DataType:
    if "%z" in form:
        return pa.timestamp("us", "UTC")
    return pa.timestamp("us") if any(directive in form for directive in _TIME_DIRECTIVES) else pa.date32()
