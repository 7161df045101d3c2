"""A raw row of a file and of a request gives equal inputs of the graph, with every option of reading text."""

import csv
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtl_core.config import Csv, Problem, parse_problem
from mtl_core.data.cells import parse
from mtl_core.data.column_types import column_types
from mtl_core.data.encoder import Encoder, fit
from mtl_core.data.parts import open_parts
from mtl_core.export.signature import signature
from serving.cells import TextFormat
from serving.errors import InputValueError
from serving.inputs import DatetimeField, InputField, ZonedDatetimeField

ROWS = 40
FEATURES: dict[str, dict[str, Any]] = {
    "shop": {"kind": "categorical", "min_count": 1},
    "code": {"kind": "categorical", "min_count": 1},
    "amount": {"kind": "numeric"},
    "member": {"kind": "categorical", "min_count": 1},
    "day": {"kind": "datetime"},
    "tags": {"kind": "multicategorical", "separator": "|", "min_count": 1},
    "note": {"kind": "text", "min_count": 1},
}
CELLS: dict[str, list[str]] = {
    "shop": ["east", " east", "NA", "", "-"],
    "code": ["007", "7", "0x1", "", "12"],
    "amount": ["1.5", "-0.25", "1e3", "", "2", "nan"],
    "member": ["true", "False", "", "TRUE"],
    "day": ["2024-01-31", "2023-12-01", "", "2024-02-29"],
    "tags": ["a|b", "a", "", " b | c", "NA"],
    "note": ["One, two; 3!", " a  b ", "NA", "", "é|'tis", "-"],
}
COMMA = {"amount": ["1,5", "1.234,5", "-1.000", "", "2"]}
DAYS = {"day": ["31.01.2024", "1.12.2023", "", "29.02.2024"]}

OPTIONS: dict[str, tuple[dict[str, list[str]], dict[str, Any]]] = {
    "the defaults": ({}, {}),
    "words for missing values": (
        {"amount": ["1.5", "NA", "-", "2"], "day": ["2024-01-31", "NA"], "member": ["true", "-", "false"]},
        {"csv": {"nulls": ["NA", "-"]}},
    ),
    "a decimal comma": (COMMA, {"csv": {"separator": ";", "decimal": ",", "thousands": "."}}),
    "thousands": ({"amount": ["1,234.5", "12", "", "-1,000,000"]}, {"csv": {"thousands": ","}}),
    "an encoding": ({"shop": ["ö", "ß", "", "east"]}, {"csv": {"encoding": "latin-1"}}),
    "a format of dates": (DAYS, {"dates": {"day": "%d.%m.%Y"}}),
    "a format of times": ({"day": ["1/31/24 5:30 PM", "12/1/23 12:00 AM"]}, {"dates": {"day": "%m/%d/%y %I:%M %p"}}),
    "a format with a zone": (
        {"day": ["2024-01-31 17:30:00.25 +0200", "", "2023-12-01 00:00:00.0 +0000"]},
        {"dates": {"day": "%Y-%m-%d %H:%M:%S.%f %z"}},
    ),
    "types": (
        {"amount": ["007", "1.50", ""], "member": ["1", "0", ""], "shop": ["01", "1", "", "2"]},
        {"types": {"amount": "number", "member": "boolean", "shop": "text", "day": "datetime"}},
    ),
    "all at once": (
        COMMA | DAYS | {"member": ["1", "?", "0"]},
        {
            "csv": {"separator": "\t", "decimal": ",", "thousands": ".", "encoding": "utf-16", "nulls": ["NA", "?"]},
            "types": {"member": "boolean", "code": "text"},
            "dates": {"day": "%d.%m.%Y"},
        },
    ),
}


def declared(options: dict[str, Any]) -> Problem:
    return parse_problem(
        {
            "name": "raw",
            "data": {"path": "data", **options},
            "split": {"by": "hash", "column": "key"},
            "features": FEATURES,
            "tasks": {"y": {"kind": "binary", "target": "y"}},
        }
    )


def table(changes: dict[str, list[str]]) -> dict[str, list[str]]:
    columns = {name: [cells[row % len(cells)] for row in range(ROWS)] for name, cells in (CELLS | changes).items()}
    return {"key": [f"k{row}" for row in range(ROWS)], **columns, "y": [str(row % 2) for row in range(ROWS)]}


def write(folder: Path, columns: dict[str, list[str]], problem: Problem, suffix: str) -> None:
    (folder / "data").mkdir()
    if suffix == ".parquet":
        text = {name: pa.array(cells, pa.string()) for name, cells in columns.items()}
        pq.write_table(pa.table(text | {"y": pa.array([int(y) for y in columns["y"]])}), folder / "data" / "a.parquet")
        return
    options = problem.data.csv
    with (folder / "data" / "a.csv").open("w", encoding=options.encoding, newline="") as file:
        writer = csv.writer(file, delimiter=options.separator)
        writer.writerows([list(columns), *zip(*columns.values(), strict=True)])


def fitted(folder: Path, problem: Problem) -> tuple[Encoder, pa.Table]:
    (part,) = open_parts(folder, problem)
    rows = part.read(problem.columns)
    return fit(problem, column_types(folder, problem), rows.combine_chunks().to_batches()), rows


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_row_of_a_file_and_of_a_request_is_read_alike(tmp_path: Path, name: str, suffix: str) -> None:
    """A request has the cells of the file as text, or as JSON values."""
    changes, options = OPTIONS[name]
    if suffix == ".parquet":  # the types of text columns are not inferred there, so they are declared
        types = {"amount": "number", "member": "boolean"} | options.get("types", {})
        options = {**options, "types": types}
    columns, problem = table(changes), declared(options)
    write(tmp_path, columns, problem, suffix)
    encoder, rows = fitted(tmp_path, problem)
    sent = encoder.request_values(rows)
    for entry in signature(problem, encoder, (), b"")["inputs"]:
        column = msgspec.convert(entry, InputField)
        expected = encoder.inputs[column.name].tensor(rows[column.name].combine_chunks())
        requests = {"values": sent[column.name]}
        if column.text is not None or entry["type"] in ("string", "text", "datetime"):
            requests["texts"] = [cell or None for cell in columns[column.name]]
        for style, values in requests.items():
            for value in values:
                assert value is None or column.violation(value) is None, (column.name, style)
            decoded = msgspec.json.decode(msgspec.json.encode(values), type=list[column.json_type])
            tensor = column.to_tensor(decoded)
            assert tensor.dtype.kind == expected.dtype.kind
            np.testing.assert_array_equal(tensor, expected, err_msg=f"{column.name}, {style}")


CSV_OPTIONS = st.builds(
    lambda marks, nulls: Csv(decimal=marks[0], thousands=marks[1], nulls=nulls),
    st.sampled_from([(".", ""), (",", ""), (",", "."), (".", ","), (",", " "), (".", "'")]),
    st.sampled_from([(), ("NA",)]),
)
SPECIAL = [
    *("-nan(ind)", "NaN()", "nan(a b)", "nan", "-inf", "Infinity", "1.234.567,5", "12,345.6", " 7 ", "1e400", "0x1F"),
    "1_0",
]
NUMBERS = st.text(st.sampled_from("0123456789+-.,' eE"), min_size=1, max_size=9) | st.sampled_from(SPECIAL)


@given(NUMBERS, CSV_OPTIONS)
def test_numbers_are_read_alike(cell: str, options: Csv) -> None:
    form = TextFormat(decimal=options.decimal, thousands=options.thousands, nulls=options.nulls)
    try:
        (by_file,) = parse(pa.array([cell]), pa.float64(), options).to_pylist()
    except pa.ArrowInvalid:
        with pytest.raises(InputValueError):
            form.number(cell)
        return
    by_request = form.number(cell)
    assert by_request == by_file or (by_request is None and by_file != by_file)


TIMES = st.builds(
    lambda before, date, time, zone, after: before + date + time + zone + after,
    st.sampled_from(["", " ", "\t", "\u00a0"]),
    st.sampled_from(["2024-01-31", "0001-01-01", "2023-02-29", "2024-1-31"]),
    st.sampled_from(["", "T05:06", " 05:06:07", "T05:06:07.25", "T5:06", "T24:00"]),
    st.sampled_from(["", "Z", "+02:00"]),
    st.sampled_from(["", " ", "\n"]),
)


@given(TIMES, st.booleans())
def test_times_are_read_alike(cell: str, zoned: bool) -> None:
    column = (ZonedDatetimeField if zoned else DatetimeField)(name="at", text=TextFormat())
    try:
        (by_file,) = parse(pa.array([cell]), pa.timestamp("us", "UTC" if zoned else None), Csv()).to_pylist()
    except pa.ArrowInvalid:
        with pytest.raises(InputValueError):
            column.to_tensor([cell])
        return
    epoch = datetime(1970, 1, 1, tzinfo=UTC if zoned else None)
    assert column.to_tensor([cell]).tolist() == [(by_file - epoch).total_seconds()]
