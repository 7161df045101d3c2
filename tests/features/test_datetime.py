"""Dates and times: calendar parts compared with Python's datetime and zoneinfo, and `encode` with the graph."""

from contextlib import nullcontext
from datetime import UTC, date, datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from mtl_core.errors import DataError
from mtl_core.features.calendar import PERIODS, CalendarPart
from mtl_core.features.datetime import Datetime, FittedDatetime
from mtl_core.features.iso import is_iso_timestamp
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


@pytest.mark.parametrize(
    ("values", "arrow_type", "cyclic"),
    [
        ([date(2013, 1, 1), date(2013, 5, 4)], DATE, ("weekday", "dayofyear")),
        ([date(2013, 1, 1), date(2013, 1, 8)], DATE, ("dayofyear",)),
        ([datetime(2013, 1, 1, 5), datetime(2013, 1, 1, 6)], NAIVE, ("hour",)),
        ([datetime(2013, 1, 1, 5)] * 2, NAIVE, ()),
        ([datetime(2013, 1, 1, 5), datetime(2014, 2, 2, 6)], NAIVE, ("hour", "weekday", "dayofyear")),
        (["2013-01-01", "2013-05-04"], pa.string(), ("weekday", "dayofyear")),
    ],
)
def test_by_default_the_parts_that_vary_are_cyclic(values: list[Any], arrow_type: pa.DataType, cyclic: Any) -> None:
    feature = fit(Datetime(), [pa.array(values, arrow_type)], arrow_type)
    assert (feature.cyclic, feature.categorical) == (cyclic, ())


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


TIME = r"[0-2][0-9](:[0-6][0-9]){0,2}(\.[0-9]{1,7})?(Z|\+0[0-9]:?00)?"
iso_texts = st.one_of(
    st.datetimes().map(datetime.isoformat),
    st.dates().map(date.isoformat),
    st.from_regex(rf"[0-9]{{4}}-[01][0-9]-[0-3][0-9]([ T]{TIME})?", fullmatch=True),
    st.from_regex(r"(19|20)[0-9]0-02-(28|29|30)", fullmatch=True),
    st.from_regex(r"(19|20)[0-9][0-9]-02-29", fullmatch=True),
)


@given(text=iso_texts, zoned=st.booleans())
@patient
def test_the_pattern_accepts_exactly_the_text_that_arrow_can_parse(text: str, zoned: bool) -> None:
    column = pa.array([text])
    arrow_type = ZONED if zoned else NAIVE
    try:
        column.cast(arrow_type)
        readable = not text.startswith("0000")  # Arrow has a year 0
    except pa.ArrowInvalid:
        readable = False
    assert is_iso_timestamp(column, zoned=zoned).tolist() == [readable]


def refused(rule: str) -> Any:
    return pytest.raises(DataError, match=rule)


@pytest.mark.parametrize(
    ("texts", "outcome"),
    [
        (["2013-10-01", "2013-10-02T05:30:00"], nullcontext()),
        (["2013-10-01T05Z", "2013-10-02T05:30:00+02:00"], nullcontext()),
        (["2012-02-29"], nullcontext()),
        (["2013-10-01", "1.10.2013"], refused("needs ISO 8601 text.* found '1.10.2013' in column 'f'; repair")),
        (["n/a", "2013-10-01"], refused("found 'n/a'")),
        (["2013-02-29"], refused("found '2013-02-29'")),
        (["2013-10-01T24:00"], refused("found '2013-10-01T24:00'")),
        (["2013-10-01T05:30:00.1234567"], refused("with at most 6 decimals")),
        (["2013-10-01", "2013-10-01T05Z"], refused("all have no offset.* found '2013-10-01T05Z' in column 'f'")),
        (["2013-10-01T05Z", "2013-10-01T05"], refused("all have an offset.* found '2013-10-01T05' in column 'f'")),
        (["", None], refused("no date or time in the training split; leave the feature")),
    ],
)
def test_texts_in_training(texts: list[str | None], outcome: Any) -> None:
    with outcome:
        fit(Datetime(), [pa.array(texts, pa.string())], pa.string())
    with outcome:
        fit(Datetime(), [pa.array([text], pa.string()) for text in texts], pa.string())


def test_invalid_text_after_training_is_refused() -> None:
    feature = fit(Datetime(), [pa.array(["2013-10-01"])], pa.string())
    with refused("found 'soon' in column 'f'"):
        feature.encode(pa.array(["2013-10-02", "soon"]))


NO_ZONE = "timezone needs a column with a zone or offsets, found .* in column 'f'"


@pytest.mark.parametrize(
    ("options", "values", "arrow_type", "outcome"),
    [
        ({}, [date(2013, 1, 1)], pa.date64(), nullcontext()),
        ({}, [datetime(2013, 1, 1)], pa.timestamp("ns"), nullcontext()),
        ({}, [datetime(2013, 1, 1)], pa.timestamp("s", "Asia/Kolkata"), nullcontext()),
        ({}, [1.5], pa.float64(), refused("found double in column 'f'; convert the column")),
        ({}, [True], pa.bool_(), refused("found bool")),
        ({}, [[1]], pa.list_(pa.int64()), refused("found list")),
        ({}, [None], pa.null(), refused("holds no date or time")),
        ({"timezone": "UTC"}, [datetime(2013, 1, 1)], ZONED, nullcontext()),
        ({"timezone": "UTC"}, ["2013-01-01T00Z"], pa.string(), nullcontext()),
        ({"timezone": "UTC"}, [datetime(2013, 1, 1)], NAIVE, refused(NO_ZONE)),
        ({"timezone": "UTC"}, [date(2013, 1, 1)], DATE, refused(NO_ZONE)),
        ({"timezone": "UTC"}, ["2013-01-01"], pa.string(), refused(NO_ZONE)),
        ({"elapsed": False}, [date(2013, 1, 1)], DATE, refused("found the same hour, weekday")),
        ({"elapsed": False, "cyclic": ["day"]}, [date(2013, 1, 1)], DATE, nullcontext()),
    ],
)
def test_columns(options: dict[str, Any], values: list[Any], arrow_type: pa.DataType, outcome: Any) -> None:
    with outcome:
        fit(Datetime(**options), [pa.array(values, arrow_type)], arrow_type)


@pytest.mark.parametrize(
    ("options", "outcome"),
    [
        ({"cyclic": ["month"], "categorical": ["month"]}, nullcontext()),
        ({"cyclic": []}, nullcontext()),
        ({"elapsed": False}, nullcontext()),
        ({"cyclic": [], "elapsed": False, "categorical": ["day"]}, nullcontext()),
        ({"cyclic": [], "elapsed": False}, pytest.raises(ValidationError, match="elapsed: true")),
        ({"cyclic": ["day", "day"]}, pytest.raises(ValidationError, match="found day, day")),
        ({"cyclic": ["week"]}, pytest.raises(ValidationError, match="'minute', 'hour'")),
        ({"timezone": "Asia/Kolkata"}, nullcontext()),
        ({"timezone": "Europe/Berln"}, pytest.raises(ValidationError, match="did you mean 'Europe/Berlin'")),
        ({"timezone": "../etc/passwd"}, pytest.raises(ValidationError, match="IANA")),
    ],
)
def test_options(options: dict[str, Any], outcome: Any) -> None:
    with outcome:
        Datetime(**options)


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


@pytest.mark.parametrize(
    ("options", "values", "arrow_type", "text"),
    [
        ({}, [date(2013, 1, 1), date(2013, 12, 30)], DATE, "2013-01-01 to 2013-12-30; weekday, dayofyear"),
        ({"cyclic": []}, [date(1, 1, 1), date(9999, 12, 31)], DATE, "0001-01-01 to 9999-12-31"),
        ({"cyclic": ["hour"]}, [datetime(2013, 1, 1)], ZONED, "2013-01-01 to 2013-01-01; hour in UTC"),
        (
            {"cyclic": ["hour"], "categorical": ["hour", "month"], "timezone": "Asia/Kolkata"},
            [datetime(2013, 1, 1)],
            ZONED,
            "2013-01-01 to 2013-01-01; hour, month in Asia/Kolkata",
        ),
    ],
)
def test_description(options: dict[str, Any], values: list[Any], arrow_type: pa.DataType, text: str) -> None:
    assert fit(Datetime(**options), [pa.array(values, arrow_type)], arrow_type).describe() == text


def test_json_round_trip_with_a_zone() -> None:
    feature = fit(Datetime(timezone="Europe/Berlin"), [pa.array([datetime(2013, 1, 1)], ZONED)], ZONED)
    assert FittedDatetime.model_validate_json(feature.model_dump_json()) == feature
    assert feature.zone.offsets[:3] == (3600, 7200, 3600)
    assert feature.zone.starts[0] == datetime(1980, 4, 6, 1, tzinfo=UTC).timestamp()
