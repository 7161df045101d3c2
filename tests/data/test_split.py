"""Splits: by time, by hash, by column; never by row order."""

import datetime as dt
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtl_core.data.split import SPLITS, assign
from mtl_core.errors import DataError
from tests.data.orders import declared
from tests.strategies import layouts, patient

DAYS = pa.array([dt.date(2024, 1, 31), dt.date(2024, 2, 1), dt.date(2024, 2, 29), dt.date(2024, 3, 1)])
NAN = float("nan")


def split(by: str, **options: Any) -> Any:
    return declared(split={"by": by, "column": "c", **options}).split


def names(split: Any, values: Any) -> list[str]:
    found = assign(split, values if isinstance(values, pa.Array) else pa.array(values))
    assert found.dtype == np.int8
    return [SPLITS[position] for position in found]


TIME = {
    "dates": (DAYS, "2024-02-01", "2024-03-01"),
    "dates, declared as dates": (DAYS, dt.date(2024, 2, 1), dt.date(2024, 3, 1)),
    "dates, declared as midnight": (DAYS, dt.datetime(2024, 2, 1), dt.datetime(2024, 3, 1)),
    "date64": (DAYS.cast(pa.date64()), "2024-02-01", "2024-03-01"),
    "text": (DAYS.cast(pa.string()), "2024-02-01", "2024-03-01"),
    "text, declared as dates": (DAYS.cast(pa.string()), dt.date(2024, 2, 1), dt.date(2024, 3, 1)),
    "dictionary": (DAYS.cast(pa.string()).dictionary_encode(), "2024-02-01", "2024-03-01"),
    "timestamps": (DAYS.cast(pa.timestamp("us")), "2024-02-01", "2024-03-01"),
    "timestamps, declared as dates": (DAYS.cast(pa.timestamp("ns")), dt.date(2024, 2, 1), dt.date(2024, 3, 1)),
    "timestamps in a zone": (DAYS.cast(pa.timestamp("us", "UTC")), "2024-02-01T00:00Z", "2024-03-01T00:00Z"),
    "whole numbers": (pa.array([201, 202, 203, 204]), 202, 204),
    "whole numbers, declared with a point": (pa.array([201, 202, 203, 204]), 202.0, 204.0),
    "fractions": (pa.array([1.0, 1.5, 1.9, float("inf")]), 1.5, 2),
}


@pytest.mark.parametrize(("values", "validation", "test"), TIME.values(), ids=TIME)
def test_a_border_begins_its_split(values: pa.Array, validation: Any, test: Any) -> None:
    found = names(split("time", validation=validation, test=test), values)
    assert found == ["train", "validation", "validation", "test"]


BORDERS = {
    "no date": (DAYS, "October", "2024-03-01", "a border must be a value of column 'c' (date32[day]), found 'October'"),
    "a number for a date": (DAYS, 202402, "2024-03-01", "column 'c' (date32[day]), found 202402"),
    "noon for a date": (DAYS, dt.datetime(2024, 2, 1, 12), "2024-03-01", "it would lose a part of its value"),
    "a fraction for whole numbers": (pa.array([1, 2]), 1.5, 2, "column 'c' (int64), found 1.5"),
    "text for numbers": (pa.array([1, 2]), "a", 2, "column 'c' (int64), found 'a'"),
    "beyond int64": (pa.array([1, 2]), 10**30, 10**31, "column 'c' (int64), found 1000000"),
    "without the zone": (DAYS.cast(pa.timestamp("us", "UTC")), "2024-02-01", "2024-03-01", "expected a zone offset"),
    "the wrong way round": (
        DAYS,
        "2024-03-01",
        "2024-02-01",
        "`validation` must begin before `test`, found 2024-03-01",
    ),
    "both the same": (DAYS, "2024-03-01", "2024-03-01", "`validation` must begin before `test`"),
}


@pytest.mark.parametrize(("values", "validation", "test", "words"), BORDERS.values(), ids=BORDERS)
def test_borders_refused(values: pa.Array, validation: Any, test: Any, words: str) -> None:
    with pytest.raises(DataError) as caught:
        assign(split("time", validation=validation, test=test), values)
    assert words in str(caught.value)


@pytest.mark.parametrize("by", ["time", "hash", "column"])
@pytest.mark.parametrize(
    ("values", "count"), [([1.0, None], 1), ([1.0, NAN, None], 2), ([None, None], 2)], ids=["null", "NaN", "all"]
)
def test_holes_are_refused(by: str, values: list[float | None], count: int) -> None:
    options = {"validation": 0.2, "test": 0.3} if by != "column" else {}
    with pytest.raises(DataError, match=rf"split\.column: 'c' .*found {count} nulls; choose a column without nulls"):
        assign(split(by, **options), pa.array(values, pa.float64()))


KEYS = st.lists(st.one_of(st.integers(-(2**53) + 1, 2**53 - 1), st.integers(0, 5)), min_size=1)


@given(data=st.data(), keys=KEYS)
@patient
def test_a_key_has_one_split_wherever_it_stands(data: st.DataObject, keys: list[int]) -> None:
    """In any order and layout, and whether a file calls it a whole number, a fraction or text."""
    by_hash = split("hash", validation=0.3, test=0.3)
    expected = dict(zip(keys, names(by_hash, keys), strict=True))
    shuffled = data.draw(st.permutations(keys))
    for arrow_type in (pa.int64(), pa.float64(), pa.string(), pa.large_string()):
        values = data.draw(layouts(shuffled if pa.types.is_integer(arrow_type) else keys, pa.int64())).cast(arrow_type)
        found = names(by_hash, values)
        assert [
            expected[int(float(key)) if arrow_type == pa.float64() else int(key)] for key in values.to_pylist()
        ] == found
    assert names(by_hash, pa.array(keys).dictionary_encode()) == names(by_hash, keys)


def test_hash_golden_values() -> None:
    """Rows must not move between splits from one release to the next."""
    golden = {"a": "train", "d": "test", "e": "validation", "": "test", "é": "train", "20000000000": "train"}
    numbers = {"1": "train", "6": "validation", "7": "test"}
    assert names(split("hash", validation=0.3, test=0.3), list(golden)) == list(golden.values())
    assert names(split("hash", validation=0.3, test=0.3), [1.0, 6.0, 7.0]) == list(numbers.values())
    assert names(split("hash", validation=0.3, test=0.3), list(numbers)) == list(numbers.values())
    assert names(split("hash"), pa.array([], pa.string())) == []


@pytest.mark.parametrize(("validation", "test"), [(0.1, 0.1), (0.25, 0.5), (0.01, 0.9)])
@pytest.mark.parametrize("key", [str, float], ids=["text", "numbers"])
def test_hash_shares(validation: float, test: float, key: Any) -> None:
    found = np.bincount(assign(split("hash", validation=validation, test=test), pa.array(map(key, range(20_000)))))
    np.testing.assert_allclose(found / 20_000, [1 - validation - test, validation, test], atol=0.012)


def test_growing_a_share_moves_rows_one_way() -> None:
    keys = list(range(1_000))
    small, large = (assign(split("hash", validation=0.1, test=share), pa.array(keys)) for share in (0.1, 0.2))
    assert ((large == 2) >= (small == 2)).all()


@pytest.mark.parametrize(
    ("values", "options"),
    [
        (["train", "validation", "test", "Test", ""], {}),
        ([7, 8, 9, 1, 0], {"validation": 8, "test": 9}),
        ([7.0, 8.0, 9.0, 8.5, 0.0], {"validation": 8, "test": "9"}),
    ],
    ids=["text", "whole numbers", "a CSV's numbers"],
)
def test_by_column(values: list[Any], options: dict[str, Any]) -> None:
    expected = ["train", "validation", "test", "train", "train"]
    by_column = split("column", **options)
    assert names(by_column, values) == expected
    assert names(by_column, pa.array(values).dictionary_encode()) == expected
