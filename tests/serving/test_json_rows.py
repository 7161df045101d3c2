"""Bodies of requests: every row that is right is read, every row that is wrong is named."""

import json
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.decoding import decode_with_errors
from serving.errors import RequestError
from tests.serving.bodies import INPUTS, READER, RIGHT, ROWS, TEXT, body, columns, raw, refused, spoiled
from tests.strategies import patient


@pytest.mark.parametrize(
    ("content", "rule", "found"),
    [
        (b"", "must be JSON", "line 1 column 1"),
        (b"[", "must be JSON", "line 1 column 2"),
        (b"not json", "must be JSON", "line 1 column 1"),
        (body(RIGHT)[:-1] + b",]", "must be JSON", "line 1"),
        (body(RIGHT) * 2, "must be JSON", "Extra data"),
        (body(RIGHT) + b"\xff", "must be JSON", f"not UTF-8 at byte {len(body(RIGHT))}"),
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
    (detail,) = error.details
    assert (detail.row, detail.field) == (None, None)
    assert rule in detail.rule
    assert found in detail.found


def test_the_largest_number_of_rows_is_accepted() -> None:
    assert len(columns(body(*[RIGHT] * 5))["class"]) == 5


@pytest.mark.parametrize("row", [None, 1, "AA", ["AA", 1, True]])
def test_a_row_must_be_an_object(row: object) -> None:
    (detail,) = refused(body(RIGHT, row)).details
    assert (detail.row, detail.field) == (1, None)
    assert "a row must be an object" in detail.rule


def test_an_unknown_field_is_told_its_nearest_name() -> None:
    (detail,) = refused(body({**RIGHT, "carier": "AA"})).details
    assert (detail.row, detail.field, detail.found) == (0, "carier", '"AA"')
    assert detail.rule == "is not an input of this model; did you mean 'carrier'?"


@pytest.mark.parametrize("name", ["zzzzzz", "", "\ud800", "x" * 100_000])
def test_a_field_like_no_other_is_refused_and_not_repeated_at_length(name: str) -> None:
    (detail,) = refused(body({**RIGHT, name: 1})).details
    assert "GET /model lists them" in detail.rule
    (detail.field or "").encode()


def test_a_missing_field_is_named() -> None:
    (detail,) = refused(body(RIGHT, {key: value for key, value in RIGHT.items() if key != "is holiday?"})).details
    assert (detail.row, detail.field, detail.found) == (1, "is holiday?", "nothing")
    assert "is required" in detail.rule


def test_all_errors_are_counted_and_the_first_ones_told() -> None:
    error = refused(body(*[{**RIGHT, "carrier": 1, "class": "1", "is holiday?": 1, "x": 1}] * 5))
    assert error.total == 20
    assert [(detail.row, detail.field) for detail in error.details[:5]] == [
        (0, "carrier"),
        (0, "class"),
        (0, "is holiday?"),
        (0, "x"),
        (1, "carrier"),
    ]
    assert error.message == "row 0, field 'carrier': must be a string or null, found 1 (and 19 more)"


def cells(field: str, value: Any) -> list[Any]:
    """Content of a row's tensor for a value that is not a datetime, without padding."""
    match field:
        case "carrier":
            return [value or ""]
        case "words":
            return [item or "" for item in value or [""]]
        case "place":
            return [math.nan if item is None else float(item) for item in value or [None, None]]
        case _:
            return [math.nan if value is None else float(value)]


@patient
@given(st.lists(ROWS, min_size=1, max_size=5))
def test_every_right_row_is_read_as_it_stands(rows: list[dict[str, Any]]) -> None:
    ((tensors, lengths),) = READER.decode(json.dumps(rows).encode())
    assert lengths["words"] == [len(row["words"] or []) for row in rows]
    for name, tensor in tensors.items():
        assert len(tensor) == len(rows)
        for row, found in zip(rows, tensor.reshape(len(rows), -1).tolist(), strict=True):
            if name in ("leaves", "lands"):  # their values have a law of their own
                assert (row[name] is None) == math.isnan(found[0])
            else:
                expected = cells(name, row[name])
                np.testing.assert_array_equal(found[: len(expected)], expected)
                assert set(found[len(expected) :]) <= {""}


@patient
@given(spoiled())
def test_any_single_change_for_the_worse_is_refused_naming_its_row_and_field(
    change: tuple[list[dict[str, Any]], int, str],
) -> None:
    rows, index, field = change
    (detail,) = refused(json.dumps(rows).encode()).details
    assert (detail.row, detail.field) == (index, field)


SCRAPS = [b"", b",", b'"', b"[", b"]", b"1", b"e9", b"null", b"\\", b"\xff", b"\x00"]


@patient
@given(st.lists(ROWS, min_size=1, max_size=3) | spoiled().map(lambda change: change[0]), st.booleans(), st.data())
def test_any_bytes_are_read_or_refused_and_by_both_decoders_alike(
    rows: list[dict[str, Any]], is_ascii: bool, data: st.DataObject
) -> None:
    content = json.dumps(rows, ensure_ascii=is_ascii).encode(errors="replace")
    for _ in range(data.draw(st.integers(0, 2))):
        start = data.draw(st.integers(0, len(content)))
        rest = content[start + data.draw(st.integers(0, 3)) :]
        content = content[:start] + data.draw(st.sampled_from(SCRAPS)) + rest
    assert is_accepted(READER.decode, content) == is_accepted(DECODE, content)


DECODE = partial(decode_with_errors, inputs=INPUTS, max_rows=5)


def is_accepted(decode: Callable[[bytes], object], content: bytes) -> bool:
    try:
        decode(content)
    except RequestError as error:
        return "must be a JSON list of rows" in error.details[0].rule  # a repeated key, which only one of them knows
    return True


@given(st.binary(max_size=60) | TEXT.map(str.encode))
def test_any_bytes_are_refused_in_words(content: bytes) -> None:
    refused(content)
