"""Splits by time: valid and invalid boundaries, and the order of text."""

import datetime as dt
import re
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtl_core.config import parse_yaml
from mtl_core.errors import DataError
from tests.data.orders import split_by, split_names
from tests.strategies import patient

DAYS = pa.array([dt.date(2024, 1, 31), dt.date(2024, 2, 1), dt.date(2024, 2, 29), dt.date(2024, 3, 1)])
TIMESTAMPS = DAYS.cast(pa.timestamp("us"))
IN_BERLIN = DAYS.cast(pa.timestamp("us", "Europe/Berlin"))
TIME = {
    "dates": (DAYS, "2024-02-01", "2024-03-01"),
    "dates, declared as dates": (DAYS, dt.date(2024, 2, 1), dt.date(2024, 3, 1)),
    "dates, declared as midnight": (DAYS, dt.datetime(2024, 2, 1), dt.datetime(2024, 3, 1)),
    "date64": (DAYS.cast(pa.date64()), "2024-02-01", "2024-03-01"),
    "text": (DAYS.cast(pa.string()), "2024-02-01", "2024-03-01"),
    "text, declared as dates": (DAYS.cast(pa.string()), dt.date(2024, 2, 1), dt.date(2024, 3, 1)),
    "dictionary": (DAYS.cast(pa.string()).dictionary_encode(), "2024-02-01", "2024-03-01"),
    "timestamps": (TIMESTAMPS, "2024-02-01", "2024-03-01"),
    "timestamps, declared as dates": (DAYS.cast(pa.timestamp("ns")), dt.date(2024, 2, 1), dt.date(2024, 3, 1)),
    "timestamps in a zone": (DAYS.cast(pa.timestamp("us", "UTC")), "2024-02-01T00:00Z", "2024-03-01T00:00Z"),
    "timestamps of New York": (
        pa.array(["2024-02-01T04:59Z", "2024-02-01T05:59Z", "2024-02-02T00:00Z", "2024-03-01T05:00Z"]).cast(
            pa.timestamp("us", "America/New_York")
        ),
        "2024-02-01",
        "2024-03-01",
    ),
    "text of months": (pa.array(["2024-01", "2024-02", "2024-02", "2024-03"]), "2024-02", "2024-03"),
    "text of days without hyphens": (pa.array(["20240131", "20240201", "20240229", "20240301"]), 20240201, "20240301"),
    "text of quarters": (pa.array(["2023Q4", "2024Q1", "2024Q1", "2024Q2"]), "2024Q1", "2024Q2"),
    "text of years": (pa.array(["2021", "2022", "2023", "2024"]), "2022", 2024),
    "text of timestamps, more exact than the boundary": (
        pa.array(["2024-01-31T23:59:59.9", "2024-02-01T00:00", "2024-02-29T23:59+02:00", "2024-03-01 00:00Z"]),
        dt.datetime(2024, 2, 1),
        "2024-03-01",
    ),
    "text of timestamps with a blank": (
        pa.array(["2024-02-01 05:29:59", "2024-02-01 05:30:00", "2024-02-29 12:00:00", "2024-03-01 00:00:00"]),
        dt.datetime(2024, 2, 1, 5, 30),
        "2024-03-01T00:00",
    ),
    "text with the offset of the boundary": (
        pa.array(
            ["2024-01-31T12:00+02:00", "2024-02-01T12:00+02:00", "2024-02-02T00:00+02:00", "2024-03-01T00:00+02:00"]
        ),
        "2024-02-01T00:00+02:00",
        "2024-03-01",
    ),
    "whole numbers": (pa.array([201, 202, 203, 204]), 202, 204),
    "whole numbers, declared with a point": (pa.array([201, 202, 203, 204]), 202.0, 204.0),
    "fractions": (pa.array([1.0, 1.5, 1.9, float("inf")]), 1.5, 2),
}


@pytest.mark.parametrize(("values", "validation", "test"), TIME.values(), ids=TIME)
def test_a_boundary_is_the_first_value_of_its_split(values: pa.Array, validation: Any, test: Any) -> None:
    assigned_splits = split_names(split_by("time", validation=validation, test=test), values)
    assert assigned_splits == ["train", "validation", "validation", "test"]


INVALID_BOUNDARIES = {
    "no date": (DAYS, "October", "2024-03-01", "column 'c' (date32[day]), found 'October'"),
    "a number for a date": (DAYS, 202402, "2024-03-01", "column 'c' (date32[day]), found 202402"),
    "noon for a date": (DAYS, dt.datetime(2024, 2, 1, 12), "2024-03-01", "it would lose a part of its value"),
    "a fraction for whole numbers": (pa.array([1, 2]), 1.5, 2, "column 'c' (int64), found 1.5"),
    "text for numbers": (pa.array([1, 2]), "a", 2, "column 'c' (int64), found 'a'"),
    "beyond int64": (pa.array([1, 2]), 10**30, 10**31, "column 'c' (int64), found 1000000"),
    "a zone for a column without one": (TIMESTAMPS, "2024-02-01T00:00Z", "2024-03-01", "expected no zone offset"),
    "an hour that the zone skips": (IN_BERLIN, "2024-03-31T02:30", "2024-05-01", "doesn't exist in timezone"),
    "an hour that the zone has twice": (IN_BERLIN, "2024-02-01", dt.datetime(2024, 10, 27, 2, 30), "is ambiguous"),
    "beyond nanoseconds": (DAYS.cast(pa.timestamp("ns")), "2024-02-01", dt.date(9999, 12, 31), "found '9999-12-31'"),
    "local time beyond nanoseconds": (
        DAYS.cast(pa.timestamp("ns", "America/New_York")),
        "2024-02-01",
        "2262-04-11T23:30",
        "beyond the range",
    ),
    "in the wrong order": (DAYS, "2024-03-01", "2024-02-01", "must begin before `test`, found 2024-03-01"),
    "equal": (DAYS, "2024-03-01", "2024-03-01", "must begin before `test`, found 2024-03-01"),
}


@pytest.mark.parametrize(("values", "validation", "test", "words"), INVALID_BOUNDARIES.values(), ids=INVALID_BOUNDARIES)
def test_an_invalid_boundary_is_refused(values: pa.Array, validation: Any, test: Any, words: str) -> None:
    with pytest.raises(DataError, match=re.escape(words)):
        split_names(split_by("time", validation=validation, test=test), values)


UNSORTABLE = {
    "month first": ("10/1/2023", ["1/1/2023", "10/2/2023"], "1/1/2023"),
    "day before month": ("2024-02-01", ["2024-01-12", "2024-13-01"], "2024-13-01"),
    "without zeros": ("2024-02-01", ["2024-01-12", "2024-1-13"], "2024-1-13"),
    "words": ("2024-02-01", ["2024-01-12", "soon"], "soon"),
    "an empty text": ("2024-02-01", ["2024-01-12", ""], ""),
    "less exact than the boundary": ("2024-02-01T12:00", ["2024-01-12T10:00", "2024-02-01"], "2024-02-01"),
    "two marks before the time": ("2024-02-01T12:00", ["2024-02-01T10:00", "2024-02-01 11:00"], "2024-02-01 11:00"),
    "another offset than the boundary's": (
        "2024-02-01T12:00+01:00",
        ["2024-02-01T10:00+01:00", "2024-02-01T10:00+02:00"],
        "2024-02-01T10:00+02:00",
    ),
    "another format than the boundary": ("20240201", ["20240112", "2024-01-13"], "2024-01-13"),
}


@pytest.mark.parametrize(("validation", "texts", "found"), UNSORTABLE.values(), ids=UNSORTABLE)
def test_text_that_does_not_sort_as_time_is_refused(validation: str, texts: list[str], found: str) -> None:
    values, words = pa.array(texts), f"found {found!r} in column 'c' and the boundary {validation!r}"
    for layout in (values, values.dictionary_encode(), values.cast(pa.large_string())):
        with pytest.raises(DataError, match=re.escape(words)):
            split_names(split_by("time", validation=validation, test="2024-03-01"), layout)


@pytest.mark.parametrize(
    ("values", "date_format"),
    [
        (["1/2/2023", "1/31/2023"], "%m/%d/%Y"),
        (["1/2/2023", "31/1/2023"], "%d/%m/%Y"),
        (["31.01.2023 05:30"], "%d.%m.%Y %H:%M"),
        (["soon"], "%m/%d/%Y"),
    ],
)
def test_the_fix_names_a_format_that_reads_the_text(values: list[str], date_format: str) -> None:
    with pytest.raises(DataError, match=re.escape(f'data: {{dates: {{c: "{date_format}"}}}}')):
        split_names(split_by("time", validation="2024-02-01", test="2024-03-01"), pa.array(values))


@given(timestamps=st.lists(st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2200, 1, 1)), min_size=3, unique=True))
@patient
def test_text_is_split_as_its_timestamps(timestamps: list[dt.datetime]) -> None:
    timestamps.sort()
    boundaries = {"validation": timestamps[len(timestamps) // 3], "test": timestamps[-1]}
    expected = split_names(split_by("time", **boundaries), pa.array(timestamps, pa.timestamp("us")))
    texts = [timestamp.isoformat(timespec="microseconds") for timestamp in timestamps]
    as_text = {name: boundary.isoformat(timespec="microseconds") for name, boundary in boundaries.items()}
    assert split_names(split_by("time", **as_text), texts) == expected


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "UTC", "+05:30"])
@pytest.mark.parametrize("boundary", ["2024-04-07", "2024-04-07T06:30:00", "2024-04-07T06:30:00+02:00"])
def test_a_boundary_is_the_same_instant_quoted_or_not(zone: str, boundary: str) -> None:
    """YAML reads an unquoted date as a date and a quoted one as text: both are local time of the column's zone."""
    hours = pa.array([dt.datetime(2024, 4, 6) + dt.timedelta(hours=hour / 2) for hour in range(96)])
    values = hours.cast(pa.timestamp("us", zone))
    unquoted, quoted = (parse_yaml(f"{{validation: {mark}{boundary}{mark}, test: 2024-05-01}}") for mark in ("", '"'))
    assert isinstance(unquoted["validation"], dt.date)
    assigned = split_names(split_by("time", **unquoted), values)
    assert split_names(split_by("time", **quoted), values) == assigned
    instant = dt.datetime.fromisoformat(boundary)
    local = [value.replace(tzinfo=None) if instant.tzinfo is None else value for value in values.to_pylist()]
    assert [name == "train" for name in assigned] == [value < instant for value in local]
