"""Dates and times: calendar parts compared with Python's datetime and zoneinfo, and `encode` with the graph."""

from datetime import UTC, date, datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtl_core.features.calendar import PERIODS, CalendarPart
from mtl_core.features.datetime import Datetime
from mtl_core.features.fitted_datetime import FittedDatetime
from mtl_core.features.vocabulary import MISSING
from tests.features.graphs import fit, run_nodes
from tests.strategies import patient

NAIVE, ZONED, DATE = pa.timestamp("us"), pa.timestamp("us", tz="UTC"), pa.date32()
PARTS = tuple(PERIODS)
ALL_PARTS = Datetime(cyclic=PARTS, categorical=PARTS)
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Africa/Casablanca", "Australia/Lord_Howe", "UTC")
EDGE_CASES = [
    datetime(1, 1, 1),
    datetime(1600, 2, 29, 23, 59, 59),
    datetime(1900, 2, 28, 23, 59, 59),
    datetime(1900, 3, 1),
    datetime(1969, 12, 31, 23, 59, 59, 999999),
    datetime(1970, 1, 1),
    datetime(2000, 2, 29, 12),
    datetime(2012, 12, 31, 23, 59, 59, 999999),
    datetime(2100, 2, 28, 23, 59, 59, 999999),
    datetime(2100, 3, 1),
    datetime(9999, 12, 31, 23, 59, 59),
]

# float64 seconds are exact to a microsecond for 2^53 of them, 285 years; beyond, the last one of a second may round up.
timestamps = st.one_of(
    st.sampled_from(EDGE_CASES),
    st.datetimes(datetime(1685, 1, 1), datetime(2255, 1, 1)),
    st.datetimes().map(lambda timestamp: timestamp.replace(microsecond=0)),
)
zoned_timestamps = st.datetimes(datetime(1970, 1, 1), datetime(2099, 12, 31), timezones=st.just(UTC))
missing_or = partial(st.one_of, st.none())


def parts_of(timestamp: datetime) -> dict[CalendarPart, int]:
    """Calendar parts by Python."""
    return {
        "minute": timestamp.minute,
        "hour": timestamp.hour,
        "weekday": timestamp.weekday(),
        "day": timestamp.day - 1,
        "month": timestamp.month - 1,
        "dayofyear": timestamp.timetuple().tm_yday - 1,
    }


def ids(feature: FittedDatetime, values: pa.Array) -> Any:
    """(rows, categorical parts) ids, without offsets."""
    return feature.encode_blocks([feature], {feature.column: values})["datetime_parts"] - feature.offsets([feature])


def assert_same_in_graph(features: list[FittedDatetime], columns: list[pa.Array]) -> dict[str, Any]:
    """Equal ids and numbers: parts come from tables, and elapsed time from the same float64 operations."""
    by_name = {feature.column: values for feature, values in zip(features, columns, strict=True)}
    blocks = FittedDatetime.encode_blocks(features, by_name)
    graph = run_nodes(features, columns)
    assert graph.keys() == blocks.keys() == FittedDatetime.blocks(features).keys()
    for name, values in blocks.items():
        assert values.dtype == FittedDatetime.blocks(features)[name].dtype
        np.testing.assert_array_equal(graph[name], values)
    return blocks


def expected_ids(values: list[datetime]) -> list[list[int]]:
    return [[value + 1 for value in parts_of(timestamp).values()] for timestamp in values]


@given(values=st.lists(timestamps, min_size=1, max_size=20))
@patient
def test_calendar_parts_equal_those_of_python(values: list[datetime]) -> None:
    column = pa.array(values, NAIVE)
    feature = fit(ALL_PARTS, [column], NAIVE)
    assert ids(feature, column).tolist() == expected_ids(values)


@given(zone=st.sampled_from(ZONES), values=st.lists(zoned_timestamps, min_size=1, max_size=20))
@patient
def test_calendar_parts_in_a_zone_equal_those_of_zoneinfo(zone: str, values: list[datetime]) -> None:
    column = pa.array(values, ZONED)
    feature = fit(Datetime(categorical=PARTS, timezone=zone), [column], ZONED)
    assert ids(feature, column).tolist() == expected_ids([value.astimezone(ZoneInfo(zone)) for value in values])


@pytest.mark.parametrize(
    ("zone", "utc", "hour"),
    [
        ("Europe/Berlin", "2013-03-31T00:59:59.999999", 1),
        ("Europe/Berlin", "2013-03-31T01:00:00", 3),
        ("Europe/Berlin", "2013-10-27T00:59:59.999999", 2),
        ("Europe/Berlin", "2013-10-27T01:00:00", 2),
        ("Europe/Berlin", "2013-10-27T02:00:00", 3),
        ("America/New_York", "2013-03-10T06:59:59", 1),
        ("America/New_York", "2013-03-10T07:00:00", 3),
        ("America/New_York", "2013-11-03T05:59:59", 1),
        ("America/New_York", "2013-11-03T06:00:00", 1),
        ("Asia/Kolkata", "2013-03-31T18:29:59", 23),
        ("Asia/Kolkata", "2013-03-31T18:30:00", 0),
        ("Europe/Berlin", "1950-07-01T12:00:00", 13),  # before the stored years: the first offset
        ("Europe/Berlin", "2150-07-01T12:00:00", 13),  # after them: the last one
        ("", "2013-03-31T01:00:00", 1),
    ],
)
def test_hours_around_changes_of_the_offset(zone: str, utc: str, hour: int) -> None:
    column = pa.array([utc, None]).cast(NAIVE).cast(pa.int64()).cast(ZONED)
    feature = fit(Datetime(categorical=("hour",), timezone=zone), [column], ZONED)
    blocks = assert_same_in_graph([feature], [column])
    assert blocks["datetime_parts"].tolist() == [[hour + 1], [MISSING]]


OPTIONS = [
    Datetime(),
    Datetime(elapsed=False, cyclic=("month", "minute")),
    Datetime(cyclic=(), categorical=("weekday", "day")),
    Datetime(cyclic=(), elapsed=False, categorical=("hour",)),
    ALL_PARTS,
]


@given(
    data=st.data(),
    options=st.lists(st.sampled_from(OPTIONS), min_size=1, max_size=3),
    zones=st.lists(st.sampled_from([None, "", *ZONES[:4]]), min_size=3, max_size=3),
)
@patient
def test_encode_and_graph_agree(data: st.DataObject, options: list[Datetime], zones: list[str | None]) -> None:
    features, columns = [], []
    for index, (option, zone) in enumerate(zip(options, zones, strict=False)):
        arrow_type = NAIVE if zone is None else ZONED
        train = pa.array([datetime(2013, 1, 1), *data.draw(st.lists(missing_or(timestamps)))], arrow_type)
        feature = fit(option.model_copy(update={"timezone": zone or ""}), [train], arrow_type, name=f"f{index}")
        columns.append(pa.array(data.draw(st.lists(missing_or(timestamps), min_size=8, max_size=8)), arrow_type))
        features.append(feature)
    assert_same_in_graph(features, columns)


@pytest.mark.parametrize("zone", [None, "", "Europe/Berlin"])
def test_encode_and_graph_agree_on_adversarial_values(zone: str | None) -> None:
    arrow_type = NAIVE if zone is None else ZONED
    column = pa.array([None, datetime(2013, 1, 1), datetime(2013, 12, 31)], arrow_type)
    feature = fit(ALL_PARTS.model_copy(update={"timezone": zone or ""}), [column], arrow_type)
    values = feature.adversarial()
    blocks = assert_same_in_graph([feature], [values])
    assert np.isfinite(blocks["datetime"]).all()
    assert len(values) > 15


BEYOND_CALENDAR = {
    "days": pa.array([10**8, -(10**8), 15_000], pa.int32()).cast(pa.date32()),
    "milliseconds of days": pa.array([10**17, -(10**17), 0]).cast(pa.date64()),
    "seconds": pa.array([10**15, -(10**15), 0]).cast(pa.timestamp("s")),
    "milliseconds": pa.array([10**18, -(10**18), 0]).cast(pa.timestamp("ms")),
    "seconds in a zone": pa.array([10**15, -(10**15), 0]).cast(pa.timestamp("s", "Asia/Tokyo")),
    "text": pa.array(["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "2013-10-01T00:00:00Z"]),
}


@pytest.mark.parametrize("column", BEYOND_CALENDAR.values(), ids=BEYOND_CALENDAR)
def test_timestamps_beyond_the_calendar_are_clipped(column: pa.Array) -> None:
    feature = fit(Datetime(), [column], column.type)
    seconds = feature.input_type.tensor(column)
    low, high = datetime(1, 1, 1, tzinfo=UTC).timestamp(), datetime(9999, 12, 31, tzinfo=UTC).timestamp()
    assert seconds[1] == low
    assert high <= seconds[0] <= high + 86_400
    assert_same_in_graph([feature], [column])
    texts = feature.input_type.json(column)
    assert texts[0].startswith("9999-12-31T")
    assert texts[1].startswith("0001-01-01T00:00:00")


def test_a_missing_timestamp_is_zeros_a_flag_and_an_id() -> None:
    column = pa.array([datetime(2013, 1, 1, 6), None, datetime(2013, 1, 3, 18)], NAIVE)
    feature = fit(Datetime(categorical=("hour",)), [column], NAIVE)
    waves = [f"{wave} {part}" for part in ("hour", "weekday", "dayofyear") for wave in ("sin", "cos")]
    assert feature.numbers == ("elapsed", "missing", *waves)
    assert feature.encode(column)[1].tolist() == [0.0, 1.0, *[0.0] * 6]
    assert ids(feature, column).tolist() == [[7], [MISSING], [19]]
    complete = fit(Datetime(), [column.drop_null()], NAIVE)
    assert "missing" not in complete.numbers
    assert complete.encode(column)[1].tolist() == [0.0] * 7


def test_elapsed_time_is_standardised_and_clipped_to_the_training_range() -> None:
    column = pa.array([date(2013, 1, 1), date(2013, 1, 3)], DATE)
    feature = fit(Datetime(cyclic=()), [column], DATE)
    later = pa.array([date(2013, 1, 1), date(2013, 1, 2), date(2013, 1, 3), date(2020, 1, 1), date(1, 1, 1)], DATE)
    assert feature.encode(later)[:, 0].tolist() == [-1.0, 0.0, 1.0, 1.0, -1.0]


def test_the_fit_does_not_depend_on_the_batches() -> None:
    values = pa.array([*EDGE_CASES, None], NAIVE)
    whole = fit(ALL_PARTS, [values], NAIVE)
    cut = fit(ALL_PARTS, [values.slice(0, 0), values.slice(0, 5), values.slice(5)], NAIVE)
    assert cut.model_dump(exclude={"mean", "deviation"}) == whole.model_dump(exclude={"mean", "deviation"})
    assert cut.mean == pytest.approx(whole.mean)
    assert cut.deviation == pytest.approx(whole.deviation)


@pytest.mark.parametrize(
    ("texts", "zoned"),
    [
        (["2013-03-31", "2013-03-31T01:30", "2013-03-31 01:30:00.5", "", None], False),
        (["2013-03-31T00:00:00Z", "2013-03-31T03:30+02:00", "2013-03-31 02:30:00.5+0100", "", None], True),
    ],
)
@pytest.mark.parametrize("arrow_type", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_text_is_encoded_like_timestamps(texts: list[str | None], zoned: bool, arrow_type: pa.DataType) -> None:
    values = [datetime(2013, 3, 31), datetime(2013, 3, 31, 1, 30), datetime(2013, 3, 31, 1, 30, 0, 500_000)]
    column = pa.array([*values, None, None], ZONED if zoned else NAIVE)
    as_text = pa.array(texts, pa.string())
    as_text = as_text.dictionary_encode() if pa.types.is_dictionary(arrow_type) else as_text.cast(arrow_type)
    by_text, by_time = fit(ALL_PARTS, [as_text], arrow_type), fit(ALL_PARTS, [column], column.type)
    assert by_text == by_time
    assert by_text.zoned is zoned
    np.testing.assert_array_equal(ids(by_text, as_text), ids(by_time, column))
    np.testing.assert_array_equal(by_text.encode(as_text), by_time.encode(column))


def test_inputs_of_trees_are_elapsed_time_and_each_part_once() -> None:
    first, second = pa.array([*EDGE_CASES, None], NAIVE), pa.array([None, *EDGE_CASES], NAIVE)
    features = [
        fit(ALL_PARTS, [first], NAIVE, name="first"),
        fit(Datetime(cyclic=("hour",), categorical=("hour", "month"), elapsed=False), [second], NAIVE, name="second"),
    ]
    blocks = FittedDatetime.encode_blocks(features, {"first": first, "second": second})
    columns = FittedDatetime.to_columns(features, blocks)
    expected = [[*parts_of(timestamp).values()] for timestamp in EDGE_CASES]
    values = columns.values
    assert values.dtype == np.float32
    assert columns.categorical == (False,) * values.shape[1] == (False,) * (2 + 6 + 1 + 2)
    np.testing.assert_array_equal(values[:, :2], blocks["datetime"][:, :2])
    assert values[:-1, 2:8].tolist() == expected
    assert values[-1, 2:8].tolist() == [-1.0] * 6
    assert values[1:, 9:].tolist() == [[row[1], row[4]] for row in expected]
    assert values[0, 8:].tolist() == [1.0, -1.0, -1.0]
