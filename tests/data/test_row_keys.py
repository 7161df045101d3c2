"""Keys of rows are equal if the values are, whatever the file, the type and the layout."""

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtl_core.data.row_keys import row_keys
from tests.strategies import patient

ROWS = st.lists(
    st.tuples(
        st.one_of(st.none(), st.floats(-(2**24), 2**24, width=32)),
        st.one_of(st.none(), st.integers(-(2**53) + 1, 2**53 - 1)),
        st.one_of(st.none(), st.sampled_from(["a", "b c", "é", "x,y", '"q"'])),
        st.one_of(st.none(), st.booleans()),
        st.one_of(st.none(), st.dates(dt.date(1900, 1, 1), dt.date(2200, 1, 1))),
        st.one_of(st.none(), st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2200, 1, 1))),
    ),
    min_size=1,
)
TYPES = [pa.float32(), pa.int64(), pa.string(), pa.bool_(), pa.date32(), pa.timestamp("us")]


def keys(table: pa.Table) -> list[int]:
    batch = pa.record_batch([column.combine_chunks() for column in table.columns], names=table.column_names)
    return row_keys(batch, table.column_names).tolist()


@given(rows=ROWS)
@patient
def test_a_csv_and_a_parquet_file_give_the_same_keys(tmp_path_factory: pytest.TempPathFactory, rows: Any) -> None:
    columns = [pa.array(list(values), kind) for values, kind in zip(zip(*rows, strict=True), TYPES, strict=True)]
    table = pa.table(columns, names=[f"c{index}" for index in range(len(columns))])
    folder = tmp_path_factory.mktemp("keys")
    pq.write_table(table, folder / "a.parquet")
    csv.write_csv(table, folder / "a.csv")
    types = {"c0": pa.float64(), "c1": pa.float64(), "c5": pa.timestamp("ns")}
    read = csv.read_csv(
        folder / "a.csv",
        convert_options=csv.ConvertOptions(
            column_types=types, strings_can_be_null=True, quoted_strings_can_be_null=False
        ),
    )
    assert keys(pq.read_table(folder / "a.parquet")) == keys(read) == keys(table)
    assert keys(table.select(table.column_names[::-1])) == keys(table)


MAP = pa.map_(pa.string(), pa.int8())
SAME = {
    "views": [pa.array(["a"]), pa.array(["a"], pa.string_view())],
    "whole numbers": [pa.array([7], pa.int8()), pa.array([7.0]), pa.array([Decimal("7.00")]), pa.array(["7"])],
    "fractions": [pa.array([0.1]), pa.array([0.1], pa.float32()), pa.array([Decimal("0.10")])],
    "days": [pa.array([dt.date(2024, 1, 1)]), pa.array([dt.datetime(2024, 1, 1)]), pa.array(["2024-01-01"])],
    "timestamps": [pa.array([dt.datetime(2024, 1, 1, 5)], pa.timestamp(unit)) for unit in ("s", "ms", "us", "ns")],
    "timestamps with zones": [
        pa.array([dt.datetime(2024, 1, 1, 5)], pa.timestamp("us", zone)) for zone in ("UTC", "Asia/Tokyo")
    ],
    "text": [pa.array(["a"]), pa.array(["a"], pa.large_string()), pa.array(["a"]).dictionary_encode()],
    "lists": [
        pa.array([[1, 2]]),
        pa.array([[1.0, 2.0]], pa.large_list(pa.float64())),
        pa.array([[1, 2]], pa.list_(pa.int8(), 2)),
    ],
    "missing": [
        pa.nulls(1),
        pa.array([None], pa.float64()),
        pa.array([float("nan")]),
        pa.array([""]),
        pa.array([[]], pa.list_(pa.int8())),
    ],
}


@pytest.mark.parametrize("values", SAME.values(), ids=SAME)
def test_a_value_has_one_key_in_all_types(values: list[pa.Array]) -> None:
    assert len({keys(pa.table({"c": array}))[0] for array in values}) == 1


def test_different_values_have_different_keys() -> None:
    """Also in different columns, and lists in another order."""
    different: list[list[Any]] = [
        [1, 2, 0.5, -0.5, 1e300, 2.0**60],
        ["a", "b", "A", "a ", "b a"],
        [[1, 2], [2, 1], [1], [1, 1], [12]],
        [b"\xff", b"\xfe", b"a"],
        [dt.timedelta(1), dt.timedelta(2)],
        [pa.scalar([("a", 1)], MAP), pa.scalar([("a", 2)], MAP)],
        [{"a": 1, "b": 2}, {"a": 2, "b": 1}, {"a": 1, "b": None}],
        [dt.datetime(2024, 1, 1, 0, 0, 1), dt.datetime(2024, 1, 1)],
    ]
    for values in different:
        hashes = keys(pa.table({"c": pa.array(values)}))
        assert len(set(hashes)) == len(values)
        assert set(hashes).isdisjoint(keys(pa.table({"d": pa.array(values)})))
    assert len(set(keys(pa.table({"a": [1, 2, 1, 2], "b": [1, 1, 2, 2]})))) == 4


def test_golden_keys() -> None:
    """Rows must not move between splits from release to release."""
    rows = pa.table({"a": ["x", None], "b": [1.5, 3], "c": [[1], []], "d": [dt.date(2024, 1, 1), None]})
    assert keys(rows) == [5772245697029995356, 17227309679102258116]


def test_keys_are_spread_evenly() -> None:
    hashes = np.array(keys(pa.table({"a": np.arange(20_000) / 3})), dtype=np.uint64)
    assert abs((hashes >> np.uint64(11)).astype(np.float64).mean() / 2**53 - 0.5) < 0.01
