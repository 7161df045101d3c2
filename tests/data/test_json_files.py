"""JSON lines: their types and values, whatever the blocks, and the errors of invalid lines."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from mtl_core.data import json_files
from mtl_core.data.parts import open_parts
from mtl_core.errors import DataError
from tests.data.orders import csv_part, declared, read, write

SPANS = [{"start": 0, "end": 4, "label": "shop"}, {"start": 6, "end": 9, "label": "day"}]
SPAN = pa.struct({"start": pa.int64(), "end": pa.int64(), "label": pa.string()})


@pytest.fixture(params=[1, json_files.BLOCK])
def _block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of one line, and one block for all lines."""
    json_files._file_types.cache_clear()
    monkeypatch.setattr(json_files, "BLOCK", request.param)


COLUMNS: dict[str, tuple[list[Any], pa.DataType, list[Any] | None]] = {
    "text": (["east", None, "ö😀"], pa.string(), None),
    "digits": (["007", "7", "1"], pa.string(), None),
    "an empty text": (["east", "", "west"], pa.string(), ["east", None, "west"]),
    "integers": ([1, None, -(2**53) - 1], pa.int64(), None),
    "integers, then a fraction": ([1, 2, 0.5], pa.float64(), None),
    "booleans": ([True, None, False], pa.bool_(), None),
    "nothing": ([None, None, None], pa.string(), None),
    "lists": ([[], None, ["a"]], pa.list_(pa.string()), None),
    "lists of numbers": ([[1], [], [0.5]], pa.list_(pa.float64()), None),
    "lists of dates": ([["2024-01-01"], [], None], pa.list_(pa.string()), None),
    "spans": ([[], None, SPANS], pa.list_(SPAN), None),
    "spans without a label": (
        [[{"start": 0, "end": 4, "label": None}], [], SPANS],
        pa.list_(SPAN),
        [[{"start": 0, "end": 4, "label": None}], [], SPANS],
    ),
    "spans with other keys": (
        [[{"label": "x"}], [{"start": 1, "end": 2}], []],
        pa.list_(pa.struct({"label": pa.string(), "start": pa.int64(), "end": pa.int64()})),
        [[{"label": "x", "start": None, "end": None}], [{"label": None, "start": 1, "end": 2}], []],
    ),
    "spans with a date as their label": ([[SPANS[0] | {"label": "2024-01-01"}], [], None], pa.list_(SPAN), None),
    "dates": (["2024-02-29", None, "2023-01-01"], pa.date32(), [date(2024, 2, 29), None, date(2023, 1, 1)]),
    "dates, then a time": (
        ["2024-02-29", "2024-02-29T12:00:00.25", None],
        pa.timestamp("us"),
        [datetime(2024, 2, 29), datetime(2024, 2, 29, 12, 0, 0, 250_000), None],
    ),
    "times with a zone": (
        ["2024-02-29T12:00:00+01:00", None, None],
        pa.timestamp("s", "UTC"),
        [datetime(2024, 2, 29, 11, tzinfo=UTC), None, None],
    ),
    "dates, then a word": (["2024-02-29", "2024-01-01", "soon"], pa.string(), None),
}


@pytest.mark.usefixtures("_block")
@pytest.mark.parametrize(("stored", "arrow_type", "values"), COLUMNS.values(), ids=COLUMNS)
def test_types_and_values(tmp_path: Path, stored: list[Any], arrow_type: pa.DataType, values: list[Any] | None) -> None:
    csv_part(tmp_path, "".join(json.dumps({"c": value, "row": 1}) + "\n" for value in stored), "a.jsonl")
    (part,) = open_parts(tmp_path, declared())
    assert part.types.field("c").type == arrow_type
    assert part.read(["row", "c"]).column_names == ["row", "c"]
    assert read(tmp_path, "c") == (stored if values is None else values)


def test_a_block_is_a_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    csv_part(tmp_path, "".join(f'{{"c": {row}}}\n' for row in range(10)), "a.jsonl")
    monkeypatch.setattr(json_files, "BLOCK", 30)
    (part,) = open_parts(tmp_path, declared())
    assert [batch["c"].to_pylist() for batch in part.batches(["c"])] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


LINES = {
    "a byte order mark": '\ufeff{"c": 1}\n{"c": 2}\n',
    "carriage returns": '{"c": 1}\r\n{"c": 2}\r\n',
    "blank lines": '\n{"c": 1}\n \n{"c": 2}\n\n',
    "no line break at the end": '{"c": 1}\n{"c": 2}',
    "other keys": '{"c": 1, "d": {"e": 2}}\n{"f": [], "c": 2}\n',
}


@pytest.mark.usefixtures("_block")
@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson"])
@pytest.mark.parametrize("content", LINES.values(), ids=LINES)
def test_layouts_of_lines(tmp_path: Path, content: str, name: str) -> None:
    csv_part(tmp_path, content, name)
    assert read(tmp_path, "c") == [1, 2]


INVALID: dict[str, tuple[str | bytes, str]] = {
    "a damaged line": ('{"c": 1}\n\n{"c": \n', r"line 3 must be one JSON object .*found '\{\"c\": '"),
    "an object on two lines": ('{"c": 1}\n{"c": 1,\n"d": 2}\n', "line 2 must be one JSON object"),
    "two objects on a line": ('{"c": 1}\n{"c": 1}{"c": 2}\n', r"line 2 must be one .*\(2 objects"),
    "an array": ('{"c": 1}\n[{"c": 1}]\n', "line 2 must be one JSON object"),
    "a key twice": ('{"c": 1, "c": 2}\n', r"line 1 must .*\(Column\(/c\) was specified twice\)"),
    "text and numbers": ('{"c": "x"}\n{"c": 1}\n', r"line 2 must .*kinds .*\('c' was string, and is int64\)"),
    "booleans and numbers": ('{"c": 1}\n{}\n{"c": true}\n', r"line 3 .*\('c' was int64, and is bool\)"),
    "lists and text": ('{"c": ["x"]}\n{"c": "x"}\n', r"line 2 .*\('c' was list"),
    "spans of text and of numbers": (
        '{"c": [{"start": 1}]}\n{"c": []}\n{"c": [{"start": "1"}]}\n',
        r"line 3 .*\('c' was list<.*start: int64>>, and is list<.*start: string>>\)",
    ),
    "invalid UTF-8": (b'{"c": "x"}\n{"c": "\xff"}\n', "line 2 must be .*in UTF-8"),
    "an invalid key": (b'{"c": "x"}\n{"\xff": "x"}\n', "line 2 must be .*in UTF-8"),
    "UTF-16": ('{"c": 1}\n'.encode("utf-16"), "line 1 must be .*in UTF-8"),
    "no line": ("", "must be a readable file of JSON lines, found no line with a value"),
    "blank lines only": ("\n \n", "must be .*found no line with a value"),
}


@pytest.mark.usefixtures("_block")
@pytest.mark.parametrize(("content", "words"), INVALID.values(), ids=INVALID)
def test_an_invalid_line_is_refused(tmp_path: Path, content: str | bytes, words: str) -> None:
    csv_part(tmp_path, content, "a.jsonl")
    with pytest.raises(DataError, match=rf"a\.jsonl: {words}"):
        open_parts(tmp_path, declared())


def test_types_are_widened_over_parts_of_all_formats(tmp_path: Path) -> None:
    csv_part(tmp_path, '{"days": 1, "shop": 7, "spans": []}\n', "a.jsonl")
    csv_part(tmp_path, "days,shop\n0.5,east\n", "b.csv")
    write(tmp_path, c=pa.table({"days": [2], "spans": pa.array([SPANS], pa.list_(SPAN)), "shop": ["west"]}))
    types = open_parts(tmp_path, declared())[0].types
    assert [types.field(name).type for name in ("days", "shop", "spans")] == [pa.float64(), pa.string(), pa.list_(SPAN)]
    assert read(tmp_path, "days") == [1, 0.5, 2]
    assert read(tmp_path, "shop") == ["7", "east", "west"]
    (tmp_path / "data" / "b.csv").unlink()
    assert read(tmp_path, "spans") == [[], SPANS]


def test_declared_types_dates_and_nulls(tmp_path: Path) -> None:
    csv_part(tmp_path, '{"shop": "NA", "days": "1,5", "day": "29.02.2024"}\n', "a.jsonl")
    data: Any = {"path": "data", "csv": {"nulls": ["NA"], "decimal": ","}, "types": {"days": "number"}}
    problem = declared(data=data | {"dates": {"day": "%d.%m.%Y"}})
    assert read(tmp_path, "shop", problem) == [None]
    assert read(tmp_path, "days", problem) == [1.5]
    assert read(tmp_path, "day", problem) == [date(2024, 2, 29)]
    as_text = declared(data={"path": "data", "types": {"days": "text"}})
    csv_part(tmp_path, '{"days": 7}\n', "a.jsonl")
    assert read(tmp_path, "days", as_text) == ["7"]
