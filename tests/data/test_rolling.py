"""Rolling windows: durations counted back from the newest row."""

import calendar
import datetime as dt
import re
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtl_core.data.rolling import resolve_split
from mtl_core.data.windows import TimeWindows
from mtl_core.errors import DataError
from tests.data.orders import split_by, split_names
from tests.strategies import patient

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "America/Havana", "Asia/Kathmandu", "+05:30")
"""With a zone whose days may start at 01:00 (Sao Paulo), and one whose midnight may occur twice (Havana)."""


def resolved(values: Any, *, validation: str = "1 month", test: str = "1 month", **train: str) -> TimeWindows:
    array = values if isinstance(values, pa.Array) else pa.array(values)
    windows = resolve_split(split_by("time", validation=validation, test=test, **train), [array])
    assert isinstance(windows, TimeWindows)
    return windows


def starts(windows: TimeWindows) -> tuple[Any, ...]:
    return windows.train, windows.validation, windows.test, windows.end


def zoned(zone: str, *texts: str) -> pa.Array:
    """Timestamps in a zone, from local times."""
    local = [dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)) for text in texts]
    return pa.array(local, pa.timestamp("us", zone))


YEAR = [dt.date(2013, 1, 1) + dt.timedelta(day) for day in range(365)]
RESOLVED: dict[str, tuple[Any, dict[str, str], tuple[Any, ...]]] = {
    "months": (YEAR, {"train": "9 months"}, ("2013-02-01", "2013-11-01", "2013-12-01", "2014-01-01")),
    "without train": (YEAR, {}, (None, "2013-11-01", "2013-12-01", "2014-01-01")),
    "a shorter month": ([dt.date(2024, 3, 30)], {"train": "1 year"}, ("2023-01-29", "2024-01-29", "2024-02-29")),
    "days and weeks": (YEAR, {"validation": "1 week", "test": "1 day"}, (None, "2013-12-24", "2013-12-31")),
    "a timestamp at midnight": ([dt.datetime(2013, 12, 31)], {"test": "1 day"}, (None, "2013-11-30", "2013-12-31")),
    "hours": (
        [dt.datetime(2013, 12, 31, 21, 5)],
        {"train": "2 days", "validation": "3 hours", "test": "1 hour"},
        ("2013-12-29T18:00:00", "2013-12-31T18:00:00", "2013-12-31T21:00:00", "2013-12-31T22:00:00"),
    ),
    "hours before a test of days": (
        [dt.datetime(2013, 12, 31, 21, 5)],
        {"validation": "6 hours", "test": "1 day"},
        (None, "2013-12-30T18:00:00", "2013-12-31", "2014-01-01"),
    ),
    "text": (["2013-12-30", "2013-12-31"], {"train": "1 month"}, ("2013-10-01", "2013-11-01", "2013-12-01")),
    "compact text": (["20131231", "20131130"], {}, (None, "20131101", "20131201", "20140101")),
    "text with times": (
        ["2013-12-31 21:05", "2013-12-31 20:05"],
        {"validation": "22 hours", "test": "24 hours"},
        (None, "2013-12-30", "2013-12-30T22", "2013-12-31T22"),
    ),
    "a zone": (
        zoned("America/New_York", "2013-12-31T22:00"),
        {},
        (None, "2013-11-01", "2013-12-01", "2014-01-01"),
    ),
    "elapsed hours over a change of the clock": (
        zoned("Europe/Berlin", "2024-03-31T03:30"),
        {"validation": "1 hour", "test": "2 hours"},
        (None, "2024-03-31", "2024-03-31T01:00:00", "2024-03-31T04:00:00"),
    ),
    "a midnight that does not exist": (
        zoned("America/Sao_Paulo", "2018-11-04T12:00"),
        {"validation": "1 day", "test": "1 day"},
        (None, "2018-11-03", "2018-11-04T03:00:00Z", "2018-11-05"),
    ),
    "an hour that changes in its middle": (
        zoned("Australia/Lord_Howe", "2024-04-07T01:45").cast(pa.timestamp("s", "Australia/Lord_Howe")),
        {"validation": "1 hour", "test": "1 hour"},
        (None, "2024-04-07", "2024-04-07T01:00:00", "2024-04-06T15:00:00Z"),
    ),
}


@pytest.mark.parametrize(("values", "durations", "expected"), RESOLVED.values(), ids=RESOLVED)
def test_durations_are_counted_back_from_the_newest_row(
    values: Any, durations: dict[str, str], expected: tuple[Any, ...]
) -> None:
    assert starts(resolved(values, **durations))[: len(expected)] == expected


def test_rows_before_the_training_window_are_left_out() -> None:
    declared = split_by("time", train="9 months", validation="1 month", test="1 month")
    names = split_names(declared, YEAR)
    boundaries = {"train": "2013-02-01", "validation": "2013-11-01", "test": "2013-12-01"}
    assert split_names(split_by("time", **boundaries), YEAR) == names
    assert [names.count(name) for name in ("left out", "train", "validation", "test")] == [31, 273, 30, 31]


def test_declared_boundaries_and_other_splits_read_no_rows() -> None:
    for split in (split_by("time", validation=1, test=2), split_by("hash"), split_by("column")):
        resolve_split(split, iter(lambda: pytest.fail("rows were read"), None))


def test_the_newest_row_may_be_in_any_batch() -> None:
    split = split_by("time", validation="1 month", test="1 month")
    batches = [pa.array(days, pa.date32()) for days in ([], [YEAR[9], None], [YEAR[-1]], [None], YEAR[:3])]
    assert resolve_split(split, batches) == resolved(YEAR)


REFUSED: dict[str, tuple[Any, dict[str, str], str]] = {
    "whole numbers": ([201312], {}, "found 'c' (int64); declare values of the column instead, as in `validation: 2013"),
    "times of day": ([dt.time(5)], {}, "need a column of dates, timestamps or ISO 8601 text, found 'c' (time64[us])"),
    "hours of dates": (YEAR, {"train": "5 hours"}, "split.train: hours need a column with times of day, found 'c'"),
    "hours of text": (["2013-12-31"], {"test": "5 hours"}, "must begin as 2013-12-31T05, found '2013-12-31'"),
    "text of months": (["2013-12"], {}, "text must begin as 2013-12-31, found '2013-12' as the newest value"),
    "no date": (["2013-12-31", "soon"], {}, "found 'soon' as the newest value of column 'c'; declare the format"),
    "a day that does not exist": (["2013-02-30"], {}, "found the newest row at 2013-02-30 in column 'c' (day"),
    "a placeholder": ([dt.date(9999, 12, 31)], {}, "within the years 1 to 9999, found the newest row at 9999-12-31"),
    "too long": (YEAR, {"train": "2013 years"}, "within the years 1 to 9999, found the newest row at 2013-12-31"),
    "too many hours": ([dt.datetime(9, 1, 1)], {"train": "99999 hours"}, "found the newest row at 0009-01-01"),
    "no rows": (pa.array([], pa.date32()), {}, "found no row with a 'c'"),
    "nulls": (pa.array([None], pa.date32()), {}, "found no row with a 'c'"),
    "an unknown zone": (pa.array([0]).cast(pa.timestamp("s", "Mars/Phobos")), {}, "found 'Mars/Phobos' of column 'c'"),
}


@pytest.mark.parametrize(("values", "durations", "words"), REFUSED.values(), ids=REFUSED)
def test_a_column_that_durations_cannot_be_counted_in_is_refused(
    values: Any, durations: dict[str, str], words: str
) -> None:
    with pytest.raises(DataError, match=re.escape(words)):
        resolved(values, **durations)


def days_before(day: dt.date, count: int, unit: str) -> dt.date:
    """Calendar arithmetic, a step at a time."""
    if unit in ("days", "weeks"):
        return day - dt.timedelta(count * (7 if unit == "weeks" else 1))
    year, month = day.year, day.month
    for _ in range(count * (12 if unit == "years" else 1)):
        year, month = (year, month - 1) if month > 1 else (year - 1, 12)
    return dt.date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


moments = st.lists(st.datetimes(dt.datetime(2012, 1, 1), dt.datetime(2019, 12, 31)), min_size=1, max_size=15)
counts = st.integers(1, 40)


@given(
    times=moments,
    zone=st.sampled_from([None, *ZONES]),
    unit=st.sampled_from(["days", "weeks", "months", "years"]),
    each=st.tuples(counts, counts, counts),
    text=st.booleans(),
)
@patient
def test_a_row_is_in_the_window_of_its_local_date(
    times: list[dt.datetime], zone: str | None, unit: str, each: tuple[int, int, int], text: bool
) -> None:
    values = pa.array(times).cast(pa.timestamp("us", zone))
    dates = [value.date() for value in values.to_pylist()]
    end = max(dates) + dt.timedelta(1)
    test = days_before(end, each[0], unit)
    validation = days_before(test, each[1], unit)
    train = days_before(validation, each[2], unit)
    expected = [
        "test" if day >= test else "validation" if day >= validation else "train" if day >= train else "left out"
        for day in dates
    ]
    durations = {name: f"{count} {unit}" for name, count in zip(("test", "validation", "train"), each, strict=True)}
    if text:
        values = pa.array(
            [value.replace(tzinfo=None).isoformat(timespec="microseconds") for value in values.to_pylist()]
        )
    assert split_names(split_by("time", **durations), values) == expected


@given(times=moments, zone=st.sampled_from([None, *ZONES]), each=st.tuples(counts, counts, counts))
@patient
def test_a_row_is_in_the_window_of_its_elapsed_hours(
    times: list[dt.datetime], zone: str | None, each: tuple[int, int, int]
) -> None:
    start = min(times)
    times = [start + (time - start) / 400 for time in times]
    values = pa.array(times).cast(pa.timestamp("us", zone))
    minutes = (max(times).replace(second=0, microsecond=0) + dt.timedelta(minutes=after) for after in range(1, 61))
    end = next(t for t in minutes if pa.scalar(t, pa.timestamp("us", zone)).as_py().minute == 0)
    hours = [(end - time) / dt.timedelta(hours=1) for time in times]
    bounds = each[0], each[0] + each[1], sum(each)
    names = ("test", "validation", "train", "left out")
    expected = [names[sum(age > bound for bound in bounds)] for age in hours]
    durations = {name: f"{count} hours" for name, count in zip(names[:3], each, strict=True)}
    assert split_names(split_by("time", **durations), values) == expected
