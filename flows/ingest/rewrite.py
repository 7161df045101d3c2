"""Part files with some values replaced; every other value stays as it is stored."""

import csv as standard_csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from mtl_core import arrow_compute as pc
from mtl_core.arrow import as_strings, decoded, is_number
from mtl_core.config.data import Csv
from mtl_core.data.csv_files import BLOCK, CsvFile
from mtl_core.data.json_files import JsonFile
from mtl_core.data.parquet_files import ParquetFile
from mtl_core.data.part_files import PartFile
from mtl_core.data.parts import Part
from mtl_core.errors import DataError

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, kw_only=True)
class Replacement:
    """New values of a column."""

    rows: NDArray[np.int64]
    """(n,) positions in the part, in ascending order."""
    values: pa.Array
    """(n,) values, without nulls, of the column's type over all parts."""


Replacements = Mapping[str, Replacement]
"""Column -> its new values."""


def rewrite(part: Part, replacements: Replacements, target: Path) -> PartFile:
    """Write the part with the new values to `target`, which has its suffix, and compare all values.

    Raises DataError for a value that its column cannot store.
    """
    _write(part.file, replacements, target)
    written = replace(part.file, path=target)
    before, after = part.read(part.names), replace(part, file=written).read(part.names)
    for column in part.names:
        expected = before[column].combine_chunks()
        if column in replacements:
            expected = _replaced(expected, replacements[column].rows, replacements[column].values)
        if not _are_equal(expected, after[column].combine_chunks()):
            raise DataError(
                f"{part.path}: column {column!r} must keep every other value when labels are updated, found a "
                "difference; write the part anew, and add it with `mtl ingest --replace`"
            )
    return written


def _are_equal(first: pa.Array, second: pa.Array) -> bool:
    # As text, NaN equals NaN, also inside of lists.
    return bool(first.equals(second)) or str(first.to_pylist()) == str(second.to_pylist())


def _write(file: PartFile, replacements: Replacements, target: Path) -> None:
    match file:
        case CsvFile():
            _rewrite_csv(file, replacements, target)
        case JsonFile():
            _rewrite_json(file, replacements, target)
        case ParquetFile():
            _rewrite_parquet(file, replacements, target)
        case _:
            raise DataError(f"{file.path}: labels cannot be updated in files of tagged text; replace the file")


def _rewrite_csv(file: CsvFile, replacements: Replacements, target: Path) -> None:
    """Rows without a new value keep their bytes, so also their quotes; the others keep the text of their cells."""
    names = list(file.names)
    cells: dict[int, dict[int, str]] = {}  # row -> position of the column -> text
    for column, replacement in replacements.items():
        for row, text in zip(replacement.rows.tolist(), _csv_texts(replacement.values, file.csv), strict=True):
            cells.setdefault(row, {})[names.index(column)] = text
    encoding = file.csv.encoding
    with file.path.open("rb") as source_bytes:
        if source_bytes.read(3) == _BYTE_ORDER_MARK:
            encoding = "utf-8-sig"  # reads the mark, and writes it again
    limit = standard_csv.field_size_limit(BLOCK)  # as Arrow's
    try:
        with (
            file.path.open(encoding=encoding, newline="") as source,
            target.open("w", encoding=encoding, newline="") as output,
        ):
            for row, (record, raw) in enumerate(_records(source, file.csv), start=-1):  # the first one is the header
                if row in cells:
                    for position, text in cells[row].items():
                        record[position] = text
                    end = raw[len(raw.rstrip("\r\n")) :]
                    standard_csv.writer(output, delimiter=file.csv.separator, lineterminator=end).writerow(record)
                else:
                    output.write(raw)
    finally:
        standard_csv.field_size_limit(limit)


def _records(source: TextIO, csv: Csv) -> Iterator[tuple[list[str], str]]:
    """Cells and text of each record; empty lines, which are no rows, go with the record after them."""
    lines: list[str] = []

    def remember() -> Iterator[str]:
        for line in source:
            lines.append(line)
            yield line

    for record in standard_csv.reader(remember(), delimiter=csv.separator):
        if record:
            yield record, "".join(lines)
            lines.clear()
    yield [], "".join(lines)  # empty lines at the end


def _csv_texts(values: pa.Array, csv: Csv) -> list[str]:
    texts: list[str] = as_strings(values).to_pylist()
    if csv.decimal != "." and is_number(values.type):
        return [text.replace(".", csv.decimal) for text in texts]
    return texts


def _rewrite_json(file: JsonFile, replacements: Replacements, target: Path) -> None:
    """Lines without a new value keep their bytes; the others keep the order of their keys."""
    new: dict[int, dict[str, Any]] = {}
    for column, replacement in replacements.items():
        for row, value in zip(replacement.rows.tolist(), replacement.values.to_pylist(), strict=True):
            new.setdefault(row, {})[column] = value
    row = 0
    with file.path.open("rb") as source, target.open("wb") as output:
        for line in source:
            text = line.strip()
            if not text.removeprefix(_BYTE_ORDER_MARK).strip():
                output.write(line)
                continue
            if row in new:
                mark = _BYTE_ORDER_MARK if line.startswith(_BYTE_ORDER_MARK) else b""
                values = json.loads(text.removeprefix(mark)) | new[row]
                end = line[len(line.rstrip(b"\r\n")) :]
                line = mark + json.dumps(values, ensure_ascii=False, allow_nan=False).encode() + end
            output.write(line)
            row += 1


def _rewrite_parquet(file: ParquetFile, replacements: Replacements, target: Path) -> None:
    """Row groups, types, metadata and compression stay."""
    with pq.ParquetFile(file.path, coerce_int96_timestamp_unit="us") as source:
        schema, metadata = source.schema_arrow, source.metadata
        compression = {}
        if metadata.num_row_groups:
            group = metadata.row_group(0)
            columns = [group.column(index) for index in range(group.num_columns)]
            compression = {column.path_in_schema: column.compression.lower() for column in columns}
        with pq.ParquetWriter(target, schema, compression=_codecs(compression)) as writer:
            start = 0
            for index in range(metadata.num_row_groups):
                table = source.read_row_group(index)
                for column, replacement in replacements.items():
                    low, high = np.searchsorted(replacement.rows, [start, start + table.num_rows])
                    position, field = schema.get_field_index(column), schema.field(column)
                    try:
                        values = _replaced(
                            table[column].combine_chunks(),
                            replacement.rows[low:high] - start,
                            replacement.values[low:high],
                        )
                    except pa.ArrowException as error:
                        raise DataError(
                            f"{file.path}: column {column!r} must be {field.type} as the part stores it, found a label "
                            f"that is not: {error!s:.100}; correct the label, or write the part anew with another type"
                        ) from None
                    table = table.set_column(position, field, values)
                writer.write_table(table, row_group_size=max(table.num_rows, 1))
                start += table.num_rows


def _codecs(compression: dict[str, str]) -> Any:
    return {path: "none" if codec == "uncompressed" else codec for path, codec in compression.items()} or "snappy"


def _replaced(values: pa.Array, rows: NDArray[np.int64], new: pa.Array) -> pa.Array:
    """(rows,) values of any type, with the new ones at those rows; a dictionary keeps its entries and their order."""
    plain = decoded(values)
    indices = np.arange(len(plain))
    indices[rows] = len(plain) + np.arange(len(rows))
    replaced = pa.concat_arrays([plain, pc.cast(decoded(new), plain.type)]).take(pa.array(indices))
    if not pa.types.is_dictionary(values.type):
        return replaced
    entries = pa.concat_arrays([values.dictionary, replaced.drop_null()]).unique()
    positions = pc.index_in(replaced, value_set=entries, skip_nulls=True).cast(values.type.index_type)
    return pa.DictionaryArray.from_arrays(positions, entries, ordered=values.type.ordered)
