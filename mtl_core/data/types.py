"""The type of each column, decided over all part files at once."""

from collections.abc import Sequence

import pyarrow as pa

from mtl_core import arrow_compute as pc
from mtl_core.arrow import is_number, is_temporal, is_text
from mtl_core.config.data import DeclaredType, Reading
from mtl_core.data.cells import is_known_number, without_nulls
from mtl_core.data.inference import widen
from mtl_core.data.part_files import PartFile

__all__ = ["column_schema", "why_text"]

_TIME_DIRECTIVES = ("%H", "%I", "%M", "%S", "%f", "%p", "%X", "%c", "%z")


def column_schema(files: Sequence[PartFile], reading: Reading) -> pa.Schema:
    """The columns that some file has, each with the type that holds all its values, or with its declared one."""
    fields: dict[str, pa.Field] = {}
    for file in files:
        for field in file.types:
            fields[field.name] = _widened(files, fields[field.name], field) if field.name in fields else field
    return pa.schema([_declared(field, reading) for field in fields.values()])


def why_text(files: Sequence[PartFile], column: str) -> str:
    """An explanation for a column of text whose cells are mostly numbers, naming a cell that is none; else ""."""
    numbers, rows, example = 0, 0, ""
    for file in files:
        start = 0
        for batch in file.batches([column]):
            if not is_text(batch.column(0).type):
                numbers, rows = numbers + batch.num_rows, rows + batch.num_rows
                continue
            cells = without_nulls(pc.cast(batch.column(0), pa.string()), file.csv)
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
