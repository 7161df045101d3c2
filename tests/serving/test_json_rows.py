"""Bodies of requests: valid rows are decoded, invalid rows are named."""

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
from tests.serving.bodies import (
    DECODER,
    INPUTS,
    ROWS,
    TEXT,
    VALID_ROW,
    body,
    rejection,
    row_with,
    rows_with_an_error,
)
from tests.strategies import patient


@pytest.mark.parametrize(
    ("content", "rule", "found"),
    [
        (b"", "must be JSON", "line 1 column 1"),
        (b"[", "must be JSON", "line 1 column 2"),
        (b"not json", "must be JSON", "line 1 column 1"),
        (body(VALID_ROW)[:-1] + b",]", "must be JSON", "line 1"),
        (body(VALID_ROW) * 2, "must be JSON", "Extra data"),
        (body(VALID_ROW) + b"\xff", "must be JSON", f"not UTF-8 at byte {len(body(VALID_ROW))}"),
        (b"\xef\xbb\xbf" + body(VALID_ROW), "must be JSON", "BOM"),
        (json.dumps([VALID_ROW]).encode("utf-16"), "must be JSON", "not UTF-8 at byte"),
        (row_with("class", "NaN"), "must be JSON", "NaN, which JSON does not have: write null"),
        (row_with("class", "-Infinity"), "must be JSON", "-Infinity, which JSON does not have"),
        (row_with("class", "0x10"), "must be JSON", "line 1"),
        (row_with("class", "01"), "must be JSON", "line 1"),
        (b"[" * 200_000, "must be JSON", "nested too deeply"),
        (b"null", "must be a JSON list of rows", "null"),
        (b'"rows"', "must be a JSON list of rows", '"rows"'),
        (b'{"rows": []}', "must be a JSON list of rows", "an object with 1 field"),
        (b"[]", "must hold 1 to 5 rows", "0 rows"),
        (body(*[VALID_ROW] * 6), "must hold 1 to 5 rows", "6 rows"),
        (body(*[{"x": 1}] * 100_000), "must hold 1 to 5 rows", "100,000 rows"),
        # A repeated key: json takes the last value, msgspec checks every value.
        (row_with("class", '"1", "class": 1'), "must be a JSON list of rows", "Expected `float | null`, got `str`"),
    ],
)
def test_a_body_without_rows_is_rejected(content: bytes, rule: str, found: str) -> None:
    error = rejection(content)
    (detail,) = error.details
    assert (detail.row, detail.field) == (None, None)
    assert rule in detail.rule
    assert found in detail.found


@pytest.mark.parametrize("row", [None, 1, "AA", ["AA", 1, True]])
def test_a_row_must_be_an_object(row: object) -> None:
    (detail,) = rejection(body(VALID_ROW, row)).details
    assert (detail.row, detail.field) == (1, None)
    assert "a row must be an object" in detail.rule


def test_the_error_for_an_unknown_field_suggests_a_similar_name() -> None:
    (detail,) = rejection(body({**VALID_ROW, "carier": "AA"})).details
    assert (detail.row, detail.field, detail.found) == (0, "carier", '"AA"')
    assert detail.rule == "is not an input of this model; did you mean 'carrier'?"


@pytest.mark.parametrize("name", ["zzzzzz", "", "\ud800", "x" * 100_000])
def test_the_error_for_an_unknown_field_is_short_and_valid_unicode(name: str) -> None:
    (detail,) = rejection(body({**VALID_ROW, name: 1})).details
    assert "GET /model lists them" in detail.rule
    (detail.field or "").encode()


def test_all_errors_are_counted_and_the_first_ones_are_described() -> None:
    error = rejection(body(*[{**VALID_ROW, "carrier": 1, "class": "1", "is holiday?": 1, "x": 1}] * 5))
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
    """Cells of a row's tensor for a value that is not a datetime, without padding."""
    match field:
        case "carrier" | "note":
            return [value or ""]
        case "words":
            return [item or "" for item in value or [""]]
        case "point":
            return [math.nan if item is None else float(item) for item in value or [None, None]]
        case _:
            return [math.nan if value is None else float(value)]


@patient
@given(st.lists(ROWS, min_size=1, max_size=5))
def test_the_tensors_have_the_values_of_the_rows(rows: list[dict[str, Any]]) -> None:
    (batch,) = DECODER.decode(json.dumps(rows).encode())
    for name in ("words", "note"):
        assert batch.lengths[name] == [len(row[name] or "") for row in rows]
    for name, tensor in batch.tensors.items():
        assert len(tensor) == len(rows)
        for row, actual in zip(rows, tensor.reshape(len(rows), -1).tolist(), strict=True):
            if name in ("leaves", "lands"):  # test_input_types.py tests their values
                assert (row[name] is None) == math.isnan(actual[0])
            else:
                expected = cells(name, row[name])
                np.testing.assert_array_equal(actual[: len(expected)], expected)
                assert set(actual[len(expected) :]) <= {""}


@patient
@given(rows_with_an_error())
def test_an_invalid_field_is_rejected_with_its_row_and_name(example: tuple[list[dict[str, Any]], int, str]) -> None:
    rows, index, field = example
    (detail,) = rejection(json.dumps(rows).encode()).details
    assert (detail.row, detail.field) == (index, field)


VALID_OR_INVALID = st.lists(ROWS, min_size=1, max_size=3) | rows_with_an_error().map(lambda example: example[0])
FRAGMENTS = [b"", b",", b'"', b"[", b"]", b"1", b"e9", b"null", b"\\", b"\xff", b"\x00"]


@patient
@given(VALID_OR_INVALID, st.booleans(), st.data())
def test_both_decoders_accept_the_same_bytes(rows: list[dict[str, Any]], is_ascii: bool, data: st.DataObject) -> None:
    content = json.dumps(rows, ensure_ascii=is_ascii).encode(errors="replace")
    for _ in range(data.draw(st.integers(0, 2))):
        start = data.draw(st.integers(0, len(content)))
        rest = content[start + data.draw(st.integers(0, 3)) :]
        content = content[:start] + data.draw(st.sampled_from(FRAGMENTS)) + rest
    assert is_accepted(DECODER.decode, content) == is_accepted(DECODE, content)


DECODE = partial(decode_with_errors, inputs=INPUTS, max_rows=5)


def is_accepted(decode: Callable[[bytes], object], content: bytes) -> bool:
    try:
        decode(content)
    except RequestError as error:
        return "must be a JSON list of rows" in error.details[0].rule  # a repeated key, which only msgspec rejects
    return True


@given(st.binary(max_size=60) | TEXT.map(str.encode))
def test_random_bytes_are_rejected(content: bytes) -> None:
    rejection(content)
