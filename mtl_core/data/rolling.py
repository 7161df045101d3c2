"""Rolling windows: a split by time whose durations are counted back from the newest row."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta, timezone

import pyarrow as pa
from dateutil.relativedelta import relativedelta

from mtl_core import arrow_compute as pc
from mtl_core.arrow import as_strings, is_temporal, is_text, value_type
from mtl_core.config import Duration, Split, TimeSplit
from mtl_core.data.windows import ResolvedSplit, TimeWindows, declared_windows
from mtl_core.errors import DataError
from mtl_core.timestamps import as_microseconds

_TEXT = re.compile(r"(?P<day>[0-9]{8}|[0-9]{4}-[0-9]{2}-[0-9]{2}([T ](?P<hour>[0-9]{2}).*)?)")
"""Text that begins with a day, as `boundaries` reads it."""


def resolve_split(split: Split, columns: Iterable[pa.Array]) -> ResolvedSplit:
    """Resolve the durations of a split: boundaries that params.yaml could declare, or the split itself without any.

    `test` is counted back from the end of the newest row's day, or of its hour if `test` is in hours; `validation` from
    the start of `test`, and `train` from the start of `validation`. Days and longer units are of the calendar, in local
    time of the column's zone; a month before the 31st is the last day of a shorter month. Hours are elapsed time.

    Args:
        columns: batches of (rows,) values of the split's column, without rows that are not used; read once, and only
            for durations.

    Raises:
        DataError: a column or a newest value that durations cannot be counted from, or a column without values.
    """
    if not isinstance(split, TimeSplit):
        return split
    if not (durations := split.durations):
        return declared_windows(split)
    newest = _newest(split, columns)
    try:
        starts, moment = {}, _end(newest, durations["test"])
        end = _boundary(moment, newest)
        for name in ("test", "validation", "train"):
            if name in durations:
                moment = _back(moment, durations[name])
                starts[name] = _boundary(moment, newest)
    except (ValueError, OverflowError) as error:
        raise DataError(
            f"split: windows must lie within the years 1 to 9999, found the newest row at {newest} in column "
            f"{split.column!r} ({error}); shorten the durations, or let validation quarantine such rows"
        ) from None
    return TimeWindows(column=split.column, **starts, end=end)


def check_durations(split: TimeSplit, arrow_type: pa.DataType) -> None:
    """DataError if durations cannot be counted in a column of that type."""
    found = f"found {split.column!r} ({value_type(arrow_type)})"
    if not is_text(arrow_type) and not is_temporal(arrow_type):
        raise DataError(
            f"split: durations need a column of dates, timestamps or ISO 8601 text, {found}; declare values of the "
            "column instead, as in `validation: 201311` and `test: 201312`, or split by a column of dates"
        )
    hours = [name for name, duration in split.durations.items() if duration.unit == "hours"]
    if hours and pa.types.is_date(value_type(arrow_type)):
        raise DataError(
            f"split.{hours[0]}: hours need a column with times of day, {found}; declare days, as in `{hours[0]}: 1 day`"
        )


def _newest(split: TimeSplit, columns: Iterable[pa.Array]) -> datetime | str:
    """The greatest value: text, or a time, in the column's zone if it has one."""
    newest: datetime | str | None = None
    zone: str | None = None
    for values in columns:
        check_durations(split, values.type)
        zone = getattr(value_type(values.type), "tz", None)
        comparable = as_strings(values) if is_text(values.type) else as_microseconds(values)
        greatest = pc.max(comparable).as_py()
        if greatest is not None and (newest is None or greatest > newest):
            newest = greatest
    if newest is None:
        raise DataError(f"split: durations are counted back from the newest row, found no row with a {split.column!r}")
    if isinstance(newest, str):
        return _checked(split, newest)
    try:
        local: datetime = newest if zone is None else pa.scalar(newest, pa.timestamp("us", zone)).as_py()
    except KeyError:
        raise DataError(
            f"split: durations need a time zone of the IANA database, found {zone!r} of column {split.column!r}; "
            "convert the column"
        ) from None
    return local


def _checked(split: TimeSplit, newest: str) -> str:
    """The text; DataError if it does not begin with a day or, for hours, with day and hour."""
    match = _TEXT.fullmatch(newest)
    in_hours = any(duration.unit == "hours" for duration in split.durations.values())
    if match is None or (in_hours and match["hour"] is None):
        example = "2013-12-31T05" if in_hours else "2013-12-31"
        raise DataError(
            f"split: for durations, text must begin as {example}, found {newest!r:.60} as the newest value of column "
            f"{split.column!r}; declare the format of its dates in data.dates, or boundaries instead of durations"
        )
    return newest


def _end(newest: datetime | str, duration: Duration) -> datetime:
    """End of the hour or day of the newest row."""
    if isinstance(newest, str):
        hour = newest[11:13] or "00"
        newest = datetime.combine(datetime.fromisoformat(newest[: 10 if "-" in newest else 8]), time(int(hour)))
    if duration.unit == "hours":
        # The hour of the wall clock, whose offset may change within it.
        offset = newest.utcoffset()
        fixed = newest if offset is None else newest.astimezone(timezone(offset))
        end = fixed.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        return end if offset is None else end.astimezone(newest.tzinfo)
    return datetime.combine(newest.date() + timedelta(days=1), time(), newest.tzinfo)


def _back(moment: datetime, duration: Duration) -> datetime:
    """The time that is the duration earlier."""
    if duration.unit != "hours":
        earlier: datetime = moment - relativedelta(**{duration.unit: duration.count})
        return earlier
    hours = timedelta(hours=duration.count)
    return moment - hours if moment.tzinfo is None else (moment.astimezone(UTC) - hours).astimezone(moment.tzinfo)


def _boundary(moment: datetime, newest: datetime | str) -> str:
    """The boundary as params.yaml would declare it: in the format of the text, or in local time of the zone.

    In UTC where the local time is ambiguous or does not exist.
    """
    if moment.replace(fold=0).utcoffset() != moment.replace(fold=1).utcoffset():
        return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
    moment = moment.replace(tzinfo=None)
    if moment.time() == time():
        day = moment.date().isoformat()
        return day if isinstance(newest, datetime) or "-" in newest else day.replace("-", "")
    return moment.isoformat(timespec="auto" if isinstance(newest, datetime) else "hours")
