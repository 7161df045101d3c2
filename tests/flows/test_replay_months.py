"""Data cut into calendar months: which month a time is in, which rows and types a file has, and what cannot be cut."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.studies.replay.months import Months, calendar_months, cut_into_months, month_of
from mtl_core.config import TimeSplit, parse_problem
from mtl_core.errors import DataError

SPLIT = TimeSplit(by="time", column="day", validation="1 month", test="1 month")


def cut(folder: Path, **data: Any) -> Months:
    """The months of the part files in `data/` of a folder."""
    problem = parse_problem(
        {
            "name": "tiny",
            "data": {"path": "data", **data},
            "split": SPLIT.model_dump(mode="json", exclude_none=True),
            "features": {"size": {"kind": "numeric"}},
            "tasks": {"late": {"kind": "binary", "target": "late"}},
        }
    )
    return cut_into_months(folder, problem, SPLIT, folder / "months")


@pytest.mark.parametrize(
    ("values", "months"),
    [
        (["2013-01-31", None, "2013-12-01T23:59"], ["2013-01", None, "2013-12"]),
        (["20130131", "20131201"], ["2013-01", "2013-12"]),
        ([date(2013, 1, 31), None], ["2013-01", None]),
        ([datetime(2013, 1, 31, 23, 59), datetime(2013, 2, 1)], ["2013-01", "2013-02"]),
    ],
)
def test_a_time_is_in_its_calendar_month(values: list[Any], months: list[str | None]) -> None:
    assert month_of(pa.array(values), SPLIT).to_pylist() == months


def test_a_month_is_of_the_local_time_of_a_zone() -> None:
    midnight = pa.array([datetime(2013, 1, 31, 23, tzinfo=UTC)], pa.timestamp("us", "Europe/Berlin"))
    assert month_of(midnight, SPLIT).to_pylist() == ["2013-02"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["31.12.2013"], "must begin as 2013-12-31 .* found '31.12.2013'"),
        ([201312], "durations need a column of dates"),
    ],
)
def test_times_without_a_month_are_refused(values: list[Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        month_of(pa.array(values), SPLIT)


def test_each_row_is_in_the_file_of_its_month_with_its_types(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text("day,size,late\n31.01.2013,1,yes\n01.03.2013,,no\n")
    (tmp_path / "data" / "b.csv").write_text("day,size,late,more\n,2,yes,1\n15.01.2013,2.5,no,1\n")
    months = cut(tmp_path, dates={"day": "%d.%m.%Y"})
    assert list(months.files) == ["2013-01", "2013-03"]
    assert months.calendar == ("2013-01", "2013-02", "2013-03")
    assert (months.undated, months.monthly_parts) == (1, False)
    january = pq.read_table(months.files["2013-01"])
    assert january.column_names == ["day", "size", "late"]
    assert january.schema.field("day").type == pa.date32()
    assert january["size"].to_pylist() == [1.0, 2.5]


def test_parts_of_a_month_each_are_known_as_such(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for month in ("01", "02"):
        (tmp_path / "data" / f"{month}.csv").write_text(f"day,size,late\n2013-{month}-03,1,yes\n2013-{month}-04,1,no\n")
    assert cut(tmp_path).monthly_parts


def test_two_parts_of_a_month_are_no_monthly_parts(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for day in ("01-03", "01-04", "02-01"):
        (tmp_path / "data" / f"{day}.csv").write_text(f"day,size,late\n2013-{day},1,yes\n2013-{day},1,no\n")
    months = cut(tmp_path)
    assert list(months.files) == ["2013-01", "2013-02"]
    assert not months.monthly_parts  # the limits of the suite are those of a day


def test_months_are_counted_across_a_year() -> None:
    assert list(calendar_months("2012-11", "2013-02")) == ["2012-11", "2012-12", "2013-01", "2013-02"]
