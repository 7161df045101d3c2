"""Values of every type of input: the tensor of a valid value, the rule that an invalid value breaks."""

import math

import numpy as np
import pytest
from hypothesis import given

from serving.iso_datetime import seconds_since_epoch
from serving.value_rules import MAX_DOCUMENT, MAX_ITEMS, MAX_TEXT
from tests.serving.bodies import iso_texts, rejection, row_with, tensors_of

TWO = '"2013-10-01T05:30:00Z" or "2013-10-01T05:30:00+02:00"'
LONG = "a" * (MAX_TEXT + 1)


def text(value: str) -> str:
    return f'"{value}"'


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("carrier", "null", ""),
        ("carrier", '""', ""),
        ("carrier", text(LONG[1:]), LONG[1:]),
        ("carrier", '"\\u0000"', "\0"),
        ("carrier", '"\\ud83d\\ude00"', "\U0001f600"),
        ("carrier", '"null"', "null"),
        ("class", "null", math.nan),
        ("class", "0", 0.0),
        ("class", "-0.0", 0.0),
        ("class", "1e308", 1e308),
        ("class", "1e-400", 0.0),
        ("class", "9007199254740993", 9007199254740992.0),
        ("class", "1" + "0" * 300, 1e300),
        ("is holiday?", "null", math.nan),
        ("is holiday?", "false", 0.0),
        ("is holiday?", "true", 1.0),
        ("leaves", "null", math.nan),
        ("leaves", '"1970-01-01"', 0.0),
        ("leaves", '"2013-10-01"', 1380585600.0),
        ("leaves", '"2013-10-01T05:30"', 1380605400.0),
        ("leaves", '"2013-10-01T05"', 1380603600.0),
        ("leaves", '"2013-10-01 05:30"', 1380605400.0),
        ("leaves", '"2013-10-01 05:30:00.123"', 1380605400.123),
        ("leaves", '"1970-01-01T00:00:00.000000001"', 1e-9),
        ("leaves", '"1969-12-31T23:59:59.5"', -0.5),
        ("leaves", '"2012-02-29"', 1330473600.0),
        ("leaves", '"0001-01-01T00:00"', -62135596800.0),
        ("leaves", '"9999-12-31T23:59:59"', 253402300799.0),
        ("leaves", '" 2013-10-01 "', 1380585600.0),
        ("lands", "null", math.nan),
        ("lands", '"1970-01-01T00:00Z"', 0.0),
        ("lands", '"1970-01-01 00:00:00.25-00:00"', 0.25),
        ("lands", '"2013-10-01T05:30:00+02:00"', 1380598200.0),
        ("lands", '"2013-10-01T05:30+02"', 1380598200.0),
        ("lands", '"\\t2013-10-01T05:30+02\\n"', 1380598200.0),
        ("lands", '"2013-10-01T05:30+0200"', 1380598200.0),
        ("lands", '"2013-10-01T05:30:00-09:30"', 1380639600.0),
        ("lands", '"0001-01-01T00:00+23:59"', -62135683140.0),
        ("lands", '"9999-12-31T23:59-23:59"', 253402387080.0),
        ("words", "null", [""]),
        ("words", "[]", [""]),
        ("words", '["a", "", null, "b"]', ["a", "", "", "b"]),
        ("words", f"[{text(LONG[1:])}]", [LONG[1:]]),
        ("words", "[" + "null," * (MAX_ITEMS - 1) + '"a"]', [""] * (MAX_ITEMS - 1) + ["a"]),
        ("note", "null", ""),
        ("note", '" a\\u0000\\n\\ud83d\\ude00 "', " a\0\n\U0001f600 "),
        ("note", text("é" * MAX_DOCUMENT), "é" * MAX_DOCUMENT),
        ("point", "null", [math.nan, math.nan]),
        ("point", "[1, -2.5]", [1.0, -2.5]),
        ("point", "[null, 9007199254740993]", [math.nan, 9007199254740992.0]),
        ("point", "[1e308, 1e-400]", [1e308, 0.0]),
    ],
)
def test_a_valid_value_has_this_tensor(field: str, value: str, expected: object) -> None:
    tensor = tensors_of(row_with(field, value))[field]
    assert tensor.dtype == (object if field in ("carrier", "words", "note") else np.float64)
    np.testing.assert_array_equal(tensor, np.array([expected], dtype=tensor.dtype))


@pytest.mark.parametrize(
    ("field", "value", "rule", "found"),
    [
        ("carrier", "1", "must be a string or null", "1"),
        ("carrier", "true", "must be a string or null", "true"),
        ("carrier", "[]", "must be a string or null", "a list of 0 values"),
        ("carrier", '{"a": 1}', "must be a string or null", "an object with 1 field"),
        ("carrier", text(LONG), "at most 1,000 characters (it has 1,001)", '"' + "a" * 39 + '…"'),
        ("carrier", '"\\ud800"', "must be valid Unicode", '"?"'),
        ("class", '"1"', "must be a number or null", '"1"'),
        ("class", '"NaN"', "must be a number or null", '"NaN"'),
        ("class", '""', "must be a number or null", '""'),
        ("class", "true", "must be a number or null", "true"),
        ("class", "[1]", "must be a number or null", "a list of 1 value"),
        ("class", "1e400", "within the range of a 64-bit float", "inf"),
        ("class", "-1e400", "within the range of a 64-bit float", "-inf"),
        ("class", "1" + "0" * 400, "within the range of a 64-bit float", "inf"),
        ("class", "-" + "1" * 5000, "within the range of a 64-bit float", "-inf"),
        ("is holiday?", "1", "must be true, false or null", "1"),
        ("is holiday?", "0.0", "must be true, false or null", "0.0"),
        ("is holiday?", '"true"', "must be true, false or null", '"true"'),
        ("leaves", "1380585600", "must be a string (ISO 8601) or null", "1380585600"),
        ("leaves", '""', 'must be ISO 8601 text as "2013-10-01" or "2013-10-01T05:30:00", or null', '""'),
        ("leaves", '"2013-10-01T05:30Z"', "must be without a zone or offset; send the local time and leave out Z", ""),
        (
            "leaves",
            '"2013-10-01T05:30+02:00"',
            "send the local time and leave out +02:00",
            "",
        ),
        ("leaves", '"2013-02-29"', "must be a date and time that exist (day", '"2013-02-29"'),
        ("leaves", '"2013-13-01"', "must be a date and time that exist (month", '"2013-13-01"'),
        ("leaves", '"0000-01-01"', "must be a date and time that exist (year", '"0000-01-01"'),
        ("leaves", '"2013-10-01T24:00"', "must be a date and time that exist (hour", '"2013-10-01T24:00"'),
        ("leaves", '"2013-10-01T23:60"', "must be a date and time that exist (minute", '"2013-10-01T23:60"'),
        ("leaves", '"2013-10-01T23:59:60"', "must be a date and time that exist (second", '"2013-10-01T23:59:60"'),
        *[
            ("leaves", text(form), "must be ISO 8601 text as", text(form))
            for form in (
                "2013-W40-2",
                "2013-274",
                "20131001",
                "2013-10",
                "2013-10-1",
                "10000-01-01",
                "-001-01-01",
                "01.10.2013",
                "2013-10 -01",
                "2013-10-01T",
                "2013-10-01t05:30",
                "2013-10-01_05:30",
                "2013-10-01T0530",
                "2013-10-01T05:30.5",
                "2013-10-01T05:30:00,5",
                "2013-10-01T05:30:00.",
                "2013-10-01T05:30:00.1234567890",
                "\u0662\u0660\u0661\u0663-10-01",
            )
        ],
        ("leaves", '"\\ud800"', "must be ISO 8601 text as", '"?"'),
        ("lands", '"2013-10-01T05:30"', f'must have a time and a zone, "Z" for UTC or an offset: {TWO}', ""),
        ("lands", '"2013-10-01"', "must have a time and a zone", '"2013-10-01"'),
        ("lands", '"2013-02-29T00:00Z"', "must be a date and time that exist (day", '"2013-02-29T00:00Z"'),
        *[
            ("lands", text(form), f"must be ISO 8601 text as {TWO}, or null", text(form))
            for form in (
                "2013-10-01Z",
                "2013-10-01T05:30z",
                "2013-10-01T05:30 Z",
                "2013-10-01T05:30+24:00",
                "2013-10-01T05:30+02:60",
                "2013-10-01T05:30+02:00:00",
                "2013-10-01T05:30 CET",
            )
        ],
        ("words", '"a b"', "must be a list of strings or null", '"a b"'),
        ("words", "{}", "must be a list of strings or null", "an object with 0 fields"),
        ("words", '["a", 1]', "item 1 must be a string or null", "1"),
        ("words", '[["a"]]', "item 0 must be a string or null", "a list of 1 value"),
        ("words", f'["", {text(LONG)}]', "item 1 must have at most 1,000 characters", '"' + "a" * 39 + '…"'),
        ("words", '["\\ud800"]', "item 0 must be valid Unicode", '"?"'),
        ("words", "[" + "null," * MAX_ITEMS + "null]", "at most 1,000 items (it has 1,001)", "a list of 1,001 values"),
        ("note", "1", "must be a string or null", "1"),
        ("note", '["a"]', "must be a string or null", "a list of 1 value"),
        ("note", '"a \\ud800 b"', "must be valid Unicode (it has an unpaired surrogate)", '"a ? b"'),
        ("note", text("a" * 1_000_001), "at most 1,000,000 characters (it has 1,000,001)", '"' + "a" * 39 + '…"'),
        ("point", "1", "must be a list of exactly 2 numbers or null", "1"),
        ("point", "[]", "must be a list of exactly 2 numbers or null", "a list of 0 values"),
        ("point", "[1]", "must be a list of exactly 2 numbers or null", "a list of 1 value"),
        ("point", "[1, 2, 3]", "must be a list of exactly 2 numbers or null", "a list of 3 values"),
        ("point", '[1, "2"]', "item 1 must be a number or null", '"2"'),
        ("point", "[false, 2]", "item 0 must be a number or null", "false"),
        ("point", "[1e400, 2]", "item 0 must be within the range of a 64-bit float", "inf"),
    ],
)
def test_an_invalid_value_is_rejected_with_field_rule_and_value(field: str, value: str, rule: str, found: str) -> None:
    error = rejection(row_with(field, value))
    assert error.total == 1
    (detail,) = error.details
    assert (detail.row, detail.field) == (0, field)
    assert rule in detail.rule
    assert detail.found == (found or value)


def exact_seconds(text: str) -> float:
    """Seconds by NumPy, with the fraction in nanoseconds."""
    zone = text[16:].lstrip(":.0123456789")
    whole, _, fraction = text.removesuffix(zone).partition(".")
    seconds = int(np.datetime64(whole, "s").astype(np.int64))
    if zone not in ("", "Z"):
        seconds -= int(zone[0] + "1") * (int(zone[1:3]) * 3600 + int(zone[4:]) * 60)
    return (seconds * 10**9 + int(fraction.ljust(9, "0"))) / 10**9


@given(iso_texts(zoned=False), iso_texts(zoned=True))
def test_seconds_are_rounded_to_the_nearest_float(naive: str, zoned: str) -> None:
    assert seconds_since_epoch(naive, zoned=False) == exact_seconds(naive)
    assert seconds_since_epoch(zoned, zoned=True) == exact_seconds(zoned)
