"""Bodies of requests: every row that is right is read, every row that is wrong is named."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.errors import RequestError
from serving.faults import MAX_FAULTS
from serving.rows import MAX_TEXT, RowReader
from serving.signature import Input

INPUTS = (
    Input(name="carrier", type="string"),
    Input(name="class", type="number"),  # a word of Python's own
    Input(name="is holiday?", type="boolean"),
)
READER = RowReader(INPUTS, max_rows=5)
RIGHT = {"carrier": "AA", "class": 1.5, "is holiday?": True}


def body(*rows: object) -> bytes:
    return json.dumps(list(rows)).encode()


def raw(field: str, value: str) -> bytes:
    """A row with one value written as it is."""
    return ("[{" + ", ".join(f'"{n}": {value if n == field else "null"}' for n in RIGHT) + "}]").encode()


def refused(content: bytes) -> RequestError:
    with pytest.raises(RequestError) as caught:
        READER.read(content)
    error = caught.value
    assert error.status == 400
    assert len(error.faults) == min(error.total, MAX_FAULTS)
    assert error.faults[0].rule in error.message
    for fault in error.faults:
        assert len(fault.found) <= 80
        assert len(fault.field or "") <= 40
    return error


def test_rows_become_columns() -> None:
    columns = READER.read(body(RIGHT, {"carrier": None, "class": None, "is holiday?": None}, {**RIGHT, "class": -3}))
    assert columns["carrier"].tolist() == ["AA", "", "AA"]
    assert columns["carrier"].dtype == object
    np.testing.assert_array_equal(columns["class"], [1.5, math.nan, -3.0])
    np.testing.assert_array_equal(columns["is holiday?"], [1.0, math.nan, 1.0])
    assert columns["class"].dtype == columns["is holiday?"].dtype == np.float64


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("carrier", '""', ""),
        ("carrier", '"' + "a" * MAX_TEXT + '"', "a" * MAX_TEXT),
        ("carrier", '"\\u0000"', "\0"),
        ("carrier", '"\\ud83d\\ude00"', "\U0001f600"),
        ("carrier", '"null"', "null"),
        ("class", "0", 0.0),
        ("class", "-0.0", 0.0),
        ("class", "1e308", 1e308),
        ("class", "1e-400", 0.0),
        ("class", "9007199254740993", 9007199254740992.0),
        ("class", "1" + "0" * 300, 1e300),
        ("is holiday?", "false", 0.0),
    ],
)
def test_these_values_are_accepted(field: str, value: str, expected: object) -> None:
    assert READER.read(raw(field, value))[field].tolist() == [expected]


@pytest.mark.parametrize(
    ("field", "value", "rule", "found"),
    [
        ("carrier", "1", "must be a string or null", "1"),
        ("carrier", "true", "must be a string or null", "true"),
        ("carrier", "[]", "must be a string or null", "a list of 0 values"),
        ("carrier", '{"a": 1}', "must be a string or null", "an object with 1 fields"),
        ("carrier", '"' + "a" * (MAX_TEXT + 1) + '"', "at most 1,000 characters (it has 1,001)", '"' + "a" * 39 + '…"'),
        ("carrier", '"\\ud800"', "must be valid Unicode", '"?"'),
        ("class", '"1"', "must be a number or null", '"1"'),
        ("class", '"NaN"', "must be a number or null", '"NaN"'),
        ("class", '""', "must be a number or null", '""'),
        ("class", "true", "must be a number or null", "true"),
        ("class", "[1]", "must be a number or null", "a list of 1 values"),
        ("class", "1e400", "within the range of a 64-bit float", "inf"),
        ("class", "-1e400", "within the range of a 64-bit float", "-inf"),
        ("class", "1" + "0" * 400, "within the range of a 64-bit float", "inf"),
        ("class", "-" + "1" * 5000, "within the range of a 64-bit float", "-inf"),
        ("is holiday?", "1", "must be true, false or null", "1"),
        ("is holiday?", "0.0", "must be true, false or null", "0.0"),
        ("is holiday?", '"true"', "must be true, false or null", '"true"'),
    ],
)
def test_these_values_are_refused_by_name(field: str, value: str, rule: str, found: str) -> None:
    error = refused(raw(field, value))
    assert error.total == 1
    (fault,) = error.faults
    assert (fault.row, fault.field) == (0, field)
    assert rule in fault.rule
    assert fault.found == found


@pytest.mark.parametrize(
    ("content", "rule", "found"),
    [
        (b"", "must be JSON", "line 1 column 1"),
        (b"[", "must be JSON", "line 1 column 2"),
        (b"not json", "must be JSON", "line 1 column 1"),
        (body(RIGHT)[:-1] + b",]", "must be JSON", "line 1"),
        (body(RIGHT) * 2, "must be JSON", "Extra data"),
        (body(RIGHT) + b"\xff", "must be JSON", "not UTF-8 at byte 54"),
        (b"\xef\xbb\xbf" + body(RIGHT), "must be JSON", "BOM"),
        (json.dumps([RIGHT]).encode("utf-16"), "must be JSON", "not UTF-8 at byte"),
        (raw("class", "NaN"), "must be JSON", "NaN, which JSON does not have: write null"),
        (raw("class", "-Infinity"), "must be JSON", "-Infinity, which JSON does not have"),
        (raw("class", "0x10"), "must be JSON", "line 1"),
        (raw("class", "01"), "must be JSON", "line 1"),
        (b"[" * 200_000, "must be JSON", "nested too deeply"),
        (b"null", "must be a JSON list of rows", "null"),
        (b'"rows"', "must be a JSON list of rows", '"rows"'),
        (b'{"rows": []}', "must be a JSON list of rows", "an object with 1 fields"),
        (b"[]", "must hold 1 to 5 rows", "0 rows"),
        (body(*[RIGHT] * 6), "must hold 1 to 5 rows", "6 rows"),
        (body(*[{"x": 1}] * 100_000), "must hold 1 to 5 rows", "100,000 rows"),
        # The last of two equal keys counts for one reader, the first for the other: refused all the same.
        (raw("class", '"1", "class": 1'), "must be a JSON list of rows", "Expected `float | null`, got `str`"),
    ],
)
def test_bodies_that_hold_no_rows_are_refused(content: bytes, rule: str, found: str) -> None:
    error = refused(content)
    (fault,) = error.faults
    assert (fault.row, fault.field) == (None, None)
    assert rule in fault.rule
    assert found in fault.found


def test_the_largest_number_of_rows_is_accepted() -> None:
    assert len(READER.read(body(*[RIGHT] * 5))["class"]) == 5


@pytest.mark.parametrize("row", [None, 1, "AA", ["AA", 1, True]])
def test_a_row_must_be_an_object(row: object) -> None:
    (fault,) = refused(body(RIGHT, row)).faults
    assert (fault.row, fault.field) == (1, None)
    assert "a row must be an object" in fault.rule


def test_an_unknown_field_is_told_its_nearest_name() -> None:
    (fault,) = refused(body({**RIGHT, "carier": "AA"})).faults
    assert (fault.row, fault.field, fault.found) == (0, "carier", '"AA"')
    assert fault.rule == "is not an input of this model; did you mean 'carrier'?"


@pytest.mark.parametrize("name", ["zzzzzz", "", "\ud800", "x" * 100_000])
def test_a_field_like_no_other_is_refused_and_not_repeated_at_length(name: str) -> None:
    (fault,) = refused(body({**RIGHT, name: 1})).faults
    assert "GET /model lists them" in fault.rule
    (fault.field or "").encode()


def test_a_missing_field_is_named() -> None:
    (fault,) = refused(body(RIGHT, {"carrier": "AA", "class": 1})).faults
    assert (fault.row, fault.field, fault.found) == (1, "is holiday?", "nothing")
    assert "null where it is not known" in fault.rule


def test_all_faults_are_counted_and_the_first_ones_told() -> None:
    error = refused(body(*[{"carrier": 1, "class": "1", "is holiday?": 1, "x": 1}] * 5))
    assert error.total == 20
    assert [(fault.row, fault.field) for fault in error.faults[:5]] == [
        (0, "carrier"),
        (0, "class"),
        (0, "is holiday?"),
        (0, "x"),
        (1, "carrier"),
    ]
    assert error.message == "row 0, field 'carrier': must be a string or null, found 1 (and 19 more)"


TEXT = st.text(st.characters(codec="utf-8"), max_size=30)
ROWS = st.fixed_dictionaries(
    {
        "carrier": st.none() | TEXT,
        "class": st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**70), 2**70),
        "is holiday?": st.none() | st.booleans(),
    }
)
WRONG = {
    "carrier": st.integers() | st.booleans() | st.lists(st.none()) | st.just("a" * (MAX_TEXT + 1)),
    "class": TEXT | st.booleans() | st.lists(st.none()) | st.just(10**400),
    "is holiday?": TEXT | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.just({}),
}


@given(st.lists(ROWS, min_size=1, max_size=5))
def test_every_right_row_is_read_as_it_stands(rows: list[dict[str, Any]]) -> None:
    columns = READER.read(json.dumps(rows).encode())
    assert columns["carrier"].tolist() == [row["carrier"] or "" for row in rows]
    for name in ("class", "is holiday?"):
        expected = [math.nan if row[name] is None else float(row[name]) for row in rows]
        np.testing.assert_array_equal(columns[name], expected)


@given(st.lists(ROWS, min_size=1, max_size=5), st.data())
def test_any_single_change_for_the_worse_is_refused_naming_its_row_and_field(
    rows: list[dict[str, Any]], data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(rows) - 1))
    field = data.draw(st.sampled_from(sorted(RIGHT)))
    match data.draw(st.sampled_from(["wrong", "missing", "unknown"])):
        case "wrong":
            rows[place][field] = data.draw(WRONG[field])
        case "missing":
            del rows[place][field]
        case "unknown":
            field = data.draw(TEXT.filter(lambda name: name not in RIGHT))
            rows[place][field] = data.draw(st.none() | TEXT)
    (fault,) = refused(json.dumps(rows).encode()).faults
    assert (fault.row, fault.field) == (place, field)


@given(st.binary(max_size=60) | TEXT.map(str.encode))
def test_any_bytes_are_read_or_refused_and_nothing_else(content: bytes) -> None:
    refused(content)
