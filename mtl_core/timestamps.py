"""Arrow columns of dates and timestamps: ISO 8601 text parsed, years limited to 1 to 9999, converted to seconds."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mtl_core import arrow_compute as pc
from mtl_core.arrow import as_strings, decoded, null_if_empty, scalar_type
from mtl_core.errors import DataError

_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896
"""0001-01-01 and 9999-12-31, in days since 1970."""
_TICKS = {"s": 1, "ms": 10**3, "us": 10**6}
"""Ticks per second of a timestamp's unit; nanoseconds cannot leave the years 1677 to 2262."""


def as_timestamps(values: pa.Array, *, zoned: bool) -> pa.Array:
    """(rows,) dates, timestamps or ISO 8601 text -> dates or timestamps of the years 1 to 9999; "" is null.

    DataError for text that is no timestamp, with an offset where `zoned`, else without.
    """
    if scalar_type(values.type) != "string":
        return bounded_timestamps(values)
    texts = null_if_empty(as_strings(values))
    try:
        return bounded_timestamps(pc.cast(texts, pa.timestamp("us", tz="UTC" if zoned else None)))
    except pa.ArrowInvalid as error:
        offset = "with Z or an offset" if zoned else "without an offset"
        raise DataError(
            f"a timestamp must be ISO 8601 text {offset}, as in 2013-10-01T05:30:00, found: {error}"
        ) from None


def as_seconds(values: pa.Array, *, zoned: bool) -> NDArray[np.float64]:
    """(rows,) dates, timestamps or ISO 8601 text as in `as_timestamps` -> seconds since 1970-01-01T00:00:00.

    Seconds are of the wall clock or, of zoned timestamps, in UTC; NaN for a null.
    """
    micros = as_microseconds(as_timestamps(values, zoned=zoned))
    valid = pc.is_valid(micros).to_numpy(zero_copy_only=False)
    numbers = pc.fill_null(pc.cast(micros, pa.int64()), 0).to_numpy(zero_copy_only=False)
    return np.where(valid, numbers / 1e6, np.nan)


def as_microseconds(values: pa.Array) -> pa.Array:
    """(rows,) dates or timestamps -> timestamps of the years 1 to 9999 in microseconds, without nanoseconds."""
    timestamps = bounded_timestamps(values)
    return pc.cast(timestamps, pa.timestamp("us", getattr(timestamps.type, "tz", None)), safe=False)


def bounded_timestamps(values: pa.Array) -> pa.Array:
    """(rows,) dates or timestamps clipped to the years 1 to 9999, in UTC where they have a zone.

    Beyond these years finer units overflow, and Python has no dates.
    """
    values = decoded(values)
    if pa.types.is_date(values.type):
        if pa.types.is_date64(values.type):
            millis = _clip(pc.cast(values, pa.int64()), _FIRST_DAY * 86_400_000, _LAST_DAY * 86_400_000)
            days = pc.floor_temporal(pc.cast(millis, pa.timestamp("ms")), unit="day")
            values = pc.cast(days, pa.date32())
        days = _clip(pc.cast(values, pa.int32()), _FIRST_DAY, _LAST_DAY)
        return pc.cast(days, pa.date32())
    unit = values.type.unit
    bounded = pc.cast(values, pa.int64())
    if ticks := _TICKS.get(unit):
        bounded = _clip(bounded, _FIRST_DAY * 86_400 * ticks, (_LAST_DAY + 1) * 86_400 * ticks - 1)
    return pc.cast(bounded, pa.timestamp(unit, tz=None if values.type.tz is None else "UTC"))


def _clip(values: pa.Array, low: int, high: int) -> pa.Array:
    limits = pa.array([low, high], values.type)
    return pc.min_element_wise(pc.max_element_wise(values, limits[0], skip_nulls=False), limits[1], skip_nulls=False)
