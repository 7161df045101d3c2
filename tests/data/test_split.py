"""Splits by hash, by column and by row."""

import re
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtl_core.config import Problem
from mtl_core.data.split import SPLITS, assign
from mtl_core.data.splitter import SplitColumns, Splitter
from mtl_core.errors import DataError
from tests.data.orders import ROWS, declared, month, split_by, split_names
from tests.strategies import layouts, patient

NAN = float("nan")


@pytest.mark.parametrize("by", ["time", "hash", "column"])
@pytest.mark.parametrize(
    ("values", "count"), [([1.0, None], 1), ([1.0, NAN, None], 2), ([None, None], 2)], ids=["null", "NaN", "all"]
)
def test_nulls_are_refused(by: str, values: list[float | None], count: int) -> None:
    options: dict[str, Any] = {"validation": 0.2, "test": 0.3} if by != "column" else {"train": 1}
    with pytest.raises(DataError, match=rf"split\.column: 'c' .*found {count} nulls"):
        assign(split_by(by, **options), pa.array(values, pa.float64()))


KEYS = st.lists(st.one_of(st.integers(-(2**53) + 1, 2**53 - 1), st.integers(0, 5)), min_size=1)


@given(data=st.data(), keys=KEYS)
@patient
def test_a_key_has_the_same_split_in_any_order_layout_and_type(data: st.DataObject, keys: list[int]) -> None:
    by_hash = split_by("hash", validation=0.3, test=0.3)
    expected = dict(zip(keys, split_names(by_hash, keys), strict=True))
    shuffled = data.draw(st.permutations(keys))
    for arrow_type in (pa.int64(), pa.float64(), pa.string(), pa.large_string()):
        values = data.draw(layouts(shuffled, pa.int64()))
        assert split_names(by_hash, values.cast(arrow_type)) == [expected[key] for key in values.to_pylist()]
    assert split_names(by_hash, pa.array(keys).dictionary_encode()) == split_names(by_hash, keys)


def test_hash_golden_values() -> None:
    """Rows must not move between splits from release to release."""
    golden = {"a": "train", "d": "test", "e": "validation", "": "test", "é": "train", "20000000000": "train"}
    numbers = {"1": "train", "6": "validation", "7": "test"}
    assert split_names(split_by("hash", validation=0.3, test=0.3), list(golden)) == list(golden.values())
    assert split_names(split_by("hash", validation=0.3, test=0.3), [1.0, 6.0, 7.0]) == list(numbers.values())
    assert split_names(split_by("hash", validation=0.3, test=0.3), list(numbers)) == list(numbers.values())
    assert split_names(split_by("hash"), pa.array([], pa.string())) == []


@pytest.mark.parametrize(("validation", "test"), [(0.1, 0.1), (0.25, 0.5), (0.01, 0.9)])
@pytest.mark.parametrize("key", [str, float], ids=["text", "numbers"])
def test_a_hash_gives_the_declared_shares(validation: float, test: float, key: Any) -> None:
    counts = np.bincount(assign(split_by("hash", validation=validation, test=test), pa.array(map(key, range(20_000)))))
    np.testing.assert_allclose(counts / 20_000, [1 - validation - test, validation, test], atol=0.012)


def test_a_larger_share_keeps_the_rows_of_a_smaller_one() -> None:
    keys = list(range(1_000))
    small, large = (assign(split_by("hash", validation=0.1, test=share), pa.array(keys)) for share in (0.1, 0.2))
    assert ((large == 2) >= (small == 2)).all()


@pytest.mark.parametrize(
    ("values", "options"),
    [
        (["train", "validation", "test", "training"], {}),
        (
            ["Train", "dev", "Test ", ""],
            {"train": ["Train", ""], "validation": ["val", "dev"], "test": ["test", "Test "]},
        ),
        ([7, 8, 9, 1], {"train": [7, 1], "validation": 8, "test": 9}),
        ([7.0, 8.0, 9.0, 8.5], {"train": ["7", "8.5"], "validation": 8, "test": "9"}),
    ],
    ids=["text", "several texts", "whole numbers", "a CSV's numbers"],
)
def test_by_column(values: list[Any], options: dict[str, Any]) -> None:
    expected = ["train", "validation", "test", "train"]
    by_column = split_by("column", **options)
    assert split_names(by_column, values) == expected
    assert split_names(by_column, pa.array(values).dictionary_encode()) == expected


@pytest.mark.parametrize(
    ("values", "options", "words"),
    [
        (
            ["train", "test", "Test ", "Test "],
            {},
            "found 'Test ' in 2 rows; assign them, as in `test: ['test', 'Test ']",
        ),
        (["train", "val", "dev", "test"], {"validation": "val"}, "found 'dev' in 1 rows; assign them, as in `train:"),
        (["train", "test", ""], {}, "found '' in 1 rows"),
        ([0, 1, 2], {"validation": 1, "test": 2}, "found '0' in 1 rows"),
    ],
    ids=["two spellings", "val and dev", "an empty text", "folds"],
)
def test_a_value_that_is_not_declared_is_refused(values: list[Any], options: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError, match=r"split\.column: .*" + re.escape(words)):
        split_names(split_by("column", **options), values)


def assigned(problem: Problem, table: pa.Table, batch_size: int = 2**30) -> list[str]:
    splitter = Splitter(split=problem.split, columns=SplitColumns.of(problem, table.column_names))
    batches = table.select(splitter.columns.names).to_batches(max_chunksize=batch_size)
    return [SPLITS[index] for batch in batches for index in splitter.assign(batch)]


def test_validation_may_be_a_share_of_the_training_rows() -> None:
    """Split by a hash of a key or, without one, of the row."""
    table = pa.table({"part": ["train", "test"] * 3_000, "person": np.arange(6_000) // 6, "size": np.arange(6_000) / 7})
    by_row = declared(split={"by": "column", "column": "part", "validation": 0.2})
    by_person = declared(split={"by": "column", "column": "part", "validation": 0.2, "key": "person"})
    for problem in (by_row, by_person):
        splits = np.array(assigned(problem, table))
        np.testing.assert_array_equal(splits == "test", np.arange(6_000) % 2 == 1)
        assert 480 < (splits == "validation").sum() < 720
    of_person = splits[::2].reshape(1_000, 3)
    assert (of_person == of_person[:, :1]).all()


def test_a_column_of_booleans_may_be_the_split() -> None:
    table = pa.table({"is_test": [False, True] * 500, "size": np.arange(1_000) / 7})
    problem = declared(split={"by": "column", "column": "is_test", "train": False, "validation": 0.1, "test": True})
    splits = np.array(assigned(problem, table))
    np.testing.assert_array_equal(splits == "test", np.arange(1_000) % 2 == 1)
    assert (splits == "validation").any()


BY_ROW = {"by": "hash", "column": "row", "validation": 0.3, "test": 0.3}


def test_the_key_row_is_all_columns_except_the_targets() -> None:
    table = month(1).drop_columns("row")
    expected = assigned(declared(split=BY_ROW), table)
    assert len(set(expected)) == 3
    changed = table.drop_columns(["returned", "days"])
    changed = changed.append_column("returned", pa.array(table["returned"].to_pylist()[::-1]))
    changed = changed.append_column("days", pa.array([5] * ROWS))
    assert assigned(declared(split=BY_ROW), changed) == expected
    assert assigned(declared(split=BY_ROW, features={"shop": {"kind": "categorical"}}), table) == expected
    assert assigned(declared(split=BY_ROW), table, batch_size=7) == expected
    assert assigned(declared(split=BY_ROW), table.append_column("new", pa.nulls(ROWS))) == expected
    assert assigned(declared(split=BY_ROW), table.drop_columns("note")) != expected


def test_the_key_row_is_a_column_of_that_name() -> None:
    table = month(1)
    values = table["row"].combine_chunks()
    assert assigned(declared(split=BY_ROW), table) == split_names(declared(split=BY_ROW).split, values)
