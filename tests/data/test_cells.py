"""Inferred types of text cells, and their values."""

from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtl_core.config import Csv
from mtl_core.data.cells import convert, first_unreadable, parse
from mtl_core.data.inference import infer_type, widen

PLAIN, GROUPED_BY_POINTS = Csv(), Csv(decimal=",", thousands=".")
NAIVE, ZONED = pa.timestamp("us"), pa.timestamp("us", "UTC")

INFERRED: dict[str, tuple[list[str | None], pa.DataType]] = {
    "nothing": ([None, None], pa.null()),
    "whole numbers": (["1", None, "-2", "0", " 3 "], pa.int64()),
    "numbers": (["1", "2.5", ".5", "-0.0", "1e3", "nan", "inf"], pa.float64()),
    "a zero before a point": (["0.5", "0", "-0.25", "0e1"], pa.float64()),
    "leading zeros": (["1", "02"], pa.string()),
    "a signed leading zero": (["-01", "1"], pa.string()),
    "hexadecimal": (["0x1F", "0x20"], pa.string()),
    "as many digits as 64 bits hold": (["123456789012345678"], pa.int64()),
    "more digits": (["1234567890123456789", "1"], pa.string()),
    "booleans": (["true", "False", "TRUE", None], pa.bool_()),
    "booleans and digits": (["true", "0"], pa.string()),
    "dates": (["2024-02-29", "0001-01-01", "9999-12-31"], pa.date32()),
    "an invalid day": (["2023-02-29"], pa.string()),
    "dates and times": (["2024-02-29", "2024-02-29T12:00"], pa.timestamp("s")),
    "fractions of seconds": (["2024-02-29 12:00:00", "2024-02-29 12:00:00.25"], NAIVE),
    "nanoseconds": (["2024-02-29 12:00:00.123456789"], NAIVE),
    "offsets": (["2024-02-29T12:00:00Z", "2024-02-29T12:00:00+02:00"], pa.timestamp("s", "UTC")),
    "with and without offset": (["2024-02-29T12:00:00Z", "2024-02-29T12:00:00"], pa.string()),
    "times of day": (["12:30", "00:15"], pa.string()),
    "a number among dates": (["2024-02-29", "5"], pa.string()),
    "text": (["1", "2", "many"], pa.string()),
}


@pytest.mark.parametrize(("cells", "expected"), INFERRED.values(), ids=INFERRED)
def test_inferred_types(cells: list[str | None], expected: pa.DataType) -> None:
    assert infer_type(pa.array(cells, pa.string()), PLAIN) == expected


CELLS = st.sampled_from(
    [None, *(cell for cells, _ in INFERRED.values() for cell in cells), "x", "-1", "3.25", "2024-01-01", "true"]
)
CSV_OPTIONS = st.sampled_from([PLAIN, Csv(decimal=","), GROUPED_BY_POINTS, Csv(thousands=",")])


@given(st.lists(CELLS, max_size=8), st.lists(CELLS, max_size=8), st.lists(CELLS, max_size=8), CSV_OPTIONS)
def test_the_type_of_all_cells_is_the_widest_of_their_blocks(
    first: list[str | None], second: list[str | None], third: list[str | None], csv: Csv
) -> None:
    """Every block can be read as that type."""
    blocks = [pa.array(cells, pa.string()) for cells in (first, second, third)]
    types = [infer_type(block, csv) for block in blocks]
    widest = infer_type(pa.concat_arrays(blocks), csv)
    assert widen(widen(types[0], types[1]), types[2]) == widest
    assert widen(types[2], widen(types[1], types[0])) == widest
    widest = pa.string() if pa.types.is_null(widest) else widest
    for block in blocks:
        values = convert(block, widest, csv)
        assert (values.type, values.null_count) == (widest, block.null_count)


TYPES = [
    *(pa.null(), pa.int8(), pa.int64(), pa.uint64(), pa.float32(), pa.float64(), pa.bool_(), pa.string()),
    *(pa.large_string(), pa.date32(), pa.date64(), pa.timestamp("s"), pa.timestamp("ns"), pa.timestamp("s", "UTC")),
    *(pa.timestamp("ms", "Europe/Berlin"), pa.dictionary(pa.int8(), pa.string())),
]


@given(*[st.sampled_from(TYPES)] * 3)
def test_widening_is_commutative_and_associative(first: pa.DataType, second: pa.DataType, third: pa.DataType) -> None:
    assert widen(first, second) == widen(second, first) or first == second
    assert widen(widen(first, second), third) == widen(first, widen(second, third))


def test_lists_widen_as_their_items() -> None:
    ints, floats = pa.list_(pa.int64()), pa.list_(pa.float64())
    assert widen(ints, floats) == widen(floats, ints) == floats
    assert widen(ints, pa.null()) == ints
    assert widen(ints, pa.string()) == ints


PARSED: dict[str, tuple[Csv, pa.DataType, dict[str, Any]]] = {
    "numbers": (PLAIN, pa.float64(), {" 1.5 ": 1.5, "1,5": None, "1.234,5": None, "+2": 2.0}),
    "a decimal comma": (Csv(decimal=","), pa.float64(), {"1,5": 1.5, "2": 2.0, "1.5": None, "1.500": None}),
    "grouped": (Csv(thousands=","), pa.float64(), {"1,234.5": 1234.5, "1,23": None, "12,345,678": 12345678.0}),
    "grouped by points": (GROUPED_BY_POINTS, pa.float64(), {"1.234,5": 1234.5, "1.5": None, "-1.000": -1e3}),
    "grouped by blanks": (Csv(decimal=",", thousands=" "), pa.int64(), {"1 234": 1234, "12 34": None}),
    "booleans": (PLAIN, pa.bool_(), {"true": True, "0": False, "1": True, "False": False, "yes": None, "2": None}),
    "timestamps": (
        PLAIN,
        NAIVE,
        {"2024-01-01 10:00:00.123456789": datetime(2024, 1, 1, 10, 0, 0, 123456), "x": None},
    ),
    "zoned": (PLAIN, ZONED, {"2024-01-01T10:00:00+02:00": datetime(2024, 1, 1, 8, tzinfo=UTC), "2024-01-01": None}),
}


@pytest.mark.parametrize(("csv", "arrow_type", "cells"), PARSED.values(), ids=PARSED)
def test_parsed_values(csv: Csv, arrow_type: pa.DataType, cells: dict[str, Any]) -> None:
    for cell, value in cells.items():
        column = pa.array([None, cell], pa.string())
        if value is None:
            with pytest.raises(pa.ArrowInvalid):
                parse(column, arrow_type, csv)
            assert first_unreadable(column, arrow_type, csv) == 1
        else:
            assert parse(column, arrow_type, csv).to_pylist() == [None, value]


def test_dates_in_a_declared_format() -> None:
    cells = pa.array(["2/1/2024", None, "2/1/2024", " 12/31/1999"])
    expected = [date(2024, 2, 1), None, date(2024, 2, 1), date(1999, 12, 31)]
    assert convert(cells, pa.date32(), PLAIN, "%m/%d/%Y").to_pylist() == expected
    with pytest.raises(pa.ArrowInvalid, match="does not match format"):
        convert(pa.array(["13/1/2024"]), pa.date32(), PLAIN, "%m/%d/%Y")
    zoned = convert(pa.array(["01.02.2024 10:00 +0200"]), ZONED, PLAIN, "%d.%m.%Y %H:%M %z")
    assert zoned.to_pylist() == [datetime(2024, 2, 1, 8, tzinfo=UTC)]


def test_numbers_and_booleans_as_text() -> None:
    assert convert(pa.array([1.0, None, 2.5]), pa.string(), PLAIN).to_pylist() == ["1", None, "2.5"]
    assert convert(pa.array([7, None], pa.int8()), pa.string(), PLAIN).to_pylist() == ["7", None]
    assert convert(pa.array([True, None]), pa.string(), PLAIN).to_pylist() == ["true", None]
    assert convert(pa.nulls(2), pa.string(), PLAIN).to_pylist() == [None, None]


STORED: dict[str, tuple[pa.Array, pa.DataType, str | None, list[Any] | None]] = {
    "a number beyond float64": (pa.array([2**53 + 1]), pa.float64(), None, None),
    "days": (pa.array([20240229, None], pa.int32()), pa.date32(), "%Y%m%d", [date(2024, 2, 29), None]),
    "seconds": (pa.array([20240229123000]), NAIVE, "%Y%m%d%H%M%S", [datetime(2024, 2, 29, 12, 30)]),
    "an invalid day": (pa.array([20240230], pa.int32()), pa.date32(), "%Y%m%d", None),
    "ticks": (pa.array([1_700_000_000]), NAIVE, None, None),
    "days since 1970": (pa.array([19_000], pa.int32()), pa.date32(), None, None),
    "a zone, read without one": (pa.array([1], ZONED), NAIVE, None, None),
    "no zone, read with one": (pa.array([1], NAIVE), ZONED, None, None),
    "ones and zeros": (pa.array([1.0, 0.0, None]), pa.bool_(), None, [True, False, None]),
    "a two": (pa.array([0, 1, 2]), pa.bool_(), None, None),
    "a half": (pa.array([0.5]), pa.bool_(), None, None),
    "booleans as numbers": (pa.array([True, None]), pa.float64(), None, [1.0, None]),
    "a time as a number": (pa.array([0], NAIVE), pa.int64(), None, None),
    "a date as a time": (pa.array([date(2024, 2, 29)]), NAIVE, None, [datetime(2024, 2, 29)]),
}


@pytest.mark.parametrize(("values", "arrow_type", "date_format", "expected"), STORED.values(), ids=STORED)
def test_a_stored_value_is_converted_as_its_text(
    values: pa.Array, arrow_type: pa.DataType, date_format: str | None, expected: list[Any] | None
) -> None:
    """Arrow would take a number for ticks since 1970 or for true, and drop or add a zone."""
    if expected is None:
        with pytest.raises(pa.ArrowInvalid):
            convert(values, arrow_type, PLAIN, date_format)
    else:
        assert convert(values, arrow_type, PLAIN, date_format).to_pylist() == expected


@pytest.mark.parametrize("cell", ["31.12.9999 23:00 -0500", "01.01.0001 00:00 +0200"])
def test_a_timestamp_beyond_the_calendar_in_utc_is_refused(cell: str) -> None:
    with pytest.raises(pa.ArrowInvalid):
        convert(pa.array([cell]), ZONED, PLAIN, "%d.%m.%Y %H:%M %z")
