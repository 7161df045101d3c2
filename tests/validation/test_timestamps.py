"""Conversions of timestamps between units: a value out of range is clipped, never wrapped around."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtl_core.input_types import as_seconds
from mtl_core.validation.frame import to_frame
from tests.strategies import patient

TYPES = {
    **{f"timestamp {unit}": pa.timestamp(unit) for unit in ("s", "ms", "us", "ns")},
    "timestamp of a zone": pa.timestamp("us", "Europe/Berlin"),
    "date32": pa.date32(),
    "date64": pa.date64(),
}
TICKS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
FIRST, LAST = -62_135_596_800, 253_402_300_799
"""The years 1 to 9999, in seconds since 1970."""
FIRST_NS, LAST_NS = -9_214_560_000, 9_214_646_400
"""1678-01-01 and 2262-01-01, the range of pandas frames."""


@pytest.mark.parametrize("arrow_type", TYPES.values(), ids=TYPES)
@given(data=st.data())
@patient
def test_a_timestamp_is_exact_or_clipped(arrow_type: pa.DataType, data: st.DataObject) -> None:
    """Both in the seconds of a feature and in the frame for Great Expectations."""
    wide = pa.int32() if arrow_type == pa.date32() else pa.int64()
    limit = 2 ** (wide.bit_width - 1) - 1
    ticks = data.draw(st.lists(st.integers(-limit, limit) | st.integers(-(10**6), 10**6), min_size=1, max_size=20))
    per_second = {pa.date32(): 1 / 86_400, pa.date64(): 1_000}.get(arrow_type)
    per_second = per_second or TICKS[arrow_type.unit]
    if arrow_type == pa.date64():
        ticks = [tick // 86_400_000 * 86_400_000 for tick in ticks if tick > -(10**18)] or [0]
    values = pa.array(ticks, wide).cast(arrow_type)
    exact = np.array([tick / per_second for tick in ticks])
    seconds = as_seconds(values, zoned=getattr(arrow_type, "tz", None) is not None)
    last = LAST + 1 - (1 / per_second if pa.types.is_timestamp(arrow_type) else 86_400)  # the last tick
    np.testing.assert_allclose(seconds, np.clip(exact, FIRST, last), rtol=1e-15, atol=1e-4)
    in_frame = to_frame(pa.table({"at": values}))["at"].to_numpy().astype("datetime64[ns]").astype(np.int64) / 1e9
    np.testing.assert_allclose(in_frame, np.clip(exact, FIRST_NS, LAST_NS), rtol=1e-15, atol=1e-6)


def test_the_end_of_the_calendar_is_clipped() -> None:
    """As nanoseconds 9999-12-31 would be a day of 1816."""
    values = pa.array(["2024-01-01", "9999-12-31"]).cast(pa.timestamp("us"))
    in_frame = to_frame(pa.table({"at": values}))["at"]
    assert in_frame.dt.year.tolist() == [2024, 2262]
    assert as_seconds(values, zoned=False).tolist() == [1_704_067_200, 253_402_214_400]
