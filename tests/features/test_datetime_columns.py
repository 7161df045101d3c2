"""Dates and times: the columns, texts and options that are accepted, and their errors."""

from contextlib import nullcontext
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from mtl_core.errors import DataError
from mtl_core.features.datetime import Datetime
from mtl_core.features.fitted_datetime import FittedDatetime
from mtl_core.features.iso import is_iso_timestamp
from tests.features.graphs import fit
from tests.strategies import patient

NAIVE, ZONED, DATE = pa.timestamp("us"), pa.timestamp("us", tz="UTC"), pa.date32()

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
