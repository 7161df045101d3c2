"""The encoder: blocks of inputs and labels from raw columns, and its JSON."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mtl_core.data.encoder import Encoder, fit
from mtl_core.errors import DataError
from mtl_core.features import Block
from mtl_core.input_types import NumberInput, StringInput
from tests.data.orders import DECLARED, ROWS, declared, month

TYPES = {"shop": pa.string(), "amount": pa.float64(), "returned": pa.bool_(), "days": pa.int64()}


def fitted(**changes: Any) -> Encoder:
    return fit(declared(**changes), TYPES, month(1).to_batches(max_chunksize=7))


def vocabulary(size: int) -> Encoder:
    """An encoder with that many ids in two columns, the first of which has 3."""
    names = pa.array([f"{place:06}" for place in range(size - 5)])
    table = pa.table(
        {"a": pa.array(["x"] * len(names)), "b": names, "y": pa.array([0, 1]).take([0, *[1] * (len(names) - 1)])}
    )
    problem = declared(
        features={name: {"kind": "categorical", "min_count": 1} for name in ("a", "b")},
        tasks={"y": {"kind": "binary", "target": "y"}},
    )
    return fit(problem, {"a": pa.string(), "b": pa.string(), "y": pa.int64()}, table.to_batches())


def test_blocks_of_a_table() -> None:
    features = {
        "first": {"kind": "categorical", "min_count": 1, "column": "shop"},
        **DECLARED["features"],
        "returned_too": {"kind": "numeric", "column": "amount", "transform": "log1p"},
    }
    encoder = fitted(features=features)
    assert encoder.inputs == {"shop": StringInput(), "amount": NumberInput()}
    assert {kind: [one.name for one in group] for kind, group in encoder.groups.items()} == {
        "categorical": ["first", "shop"],
        "numeric": ["amount", "returned_too"],
    }
    assert encoder.blocks == {
        "categorical": Block(shape=(2,), dtype=np.dtype(np.int16)),
        "numeric": Block(shape=(4,), dtype=np.dtype(np.float32)),
    }
    found = encoder.batch(month(2))
    assert {name: (block.shape, block.dtype) for name, block in found.items()} == {
        name: ((ROWS, *block.shape), block.dtype) for name, block in encoder.blocks.items()
    }
    # Month 1 knows east, north and its own shop; the shop of month 2 is unseen there.
    assert found["categorical"][:4].tolist() == [[2, 7], [3, 8], [0, 5], [1, 6]]
    np.testing.assert_array_equal(found["numeric"][:, 1], month(1)["amount"].is_null())


def test_a_table_in_pieces_encodes_as_a_whole() -> None:
    encoder, table = fitted(), month(2)
    for of in (encoder.batch, encoder.labels):
        whole = of(table)
        chunks = of(pa.concat_tables([table.slice(0, 13), table.slice(13)]))
        batches = [of(batch) for batch in table.to_batches(max_chunksize=9)]
        for name, block in whole.items():
            np.testing.assert_array_equal(chunks[name], block)
            np.testing.assert_array_equal(np.concatenate([found[name] for found in batches]), block)
        assert all(not len(block) for block in of(table.slice(0, 0)).values())


def test_parts_of_any_size_teach_the_same() -> None:
    once = fit(declared(), TYPES, month(1).to_batches())
    piecewise = fitted()
    assert [f.model_dump(exclude={"mean", "deviation"}) for f in piecewise.features] == [
        f.model_dump(exclude={"mean", "deviation"}) for f in once.features
    ]
    np.testing.assert_allclose(
        piecewise.batch(month(2))["numeric"], once.batch(month(2))["numeric"], rtol=1e-6, atol=1e-7
    )


def test_labels_of_a_table() -> None:
    found = fitted().labels(month(1))
    assert list(found) == ["returned", "slow", "days"]
    assert {name: values.dtype.name for name, values in found.items()} == {
        "returned": "int8",
        "slow": "int8",
        "days": "float32",
    }
    np.testing.assert_array_equal(found["slow"][:9], [-1, 0, 0, 0, 0, 1, 1, -1, 1])
    np.testing.assert_array_equal(found["days"][:3], np.array([np.nan, 1, 2], dtype=np.float32))


@pytest.mark.parametrize(
    ("features", "blocks"),
    [
        ({"shop": {"kind": "categorical", "min_count": 1}}, ["categorical"]),
        ({"amount": {"kind": "numeric"}}, ["numeric"]),
    ],
)
def test_a_block_without_columns_is_left_out(features: Any, blocks: list[str]) -> None:
    encoder = fitted(features=features)
    assert list(encoder.blocks) == list(encoder.encode(month(1))) == blocks


@pytest.mark.parametrize(("size", "dtype"), [(32_767, np.int16), (32_768, np.int32)])
def test_ids_are_as_narrow_as_they_can_be(size: int, dtype: type) -> None:
    encoder = vocabulary(size)
    assert encoder.blocks["categorical"].dtype == np.dtype(dtype)
    last = encoder.batch(pa.table({"a": ["x"], "b": [f"{size - 6:06}"]}))["categorical"]
    assert last.tolist() == [[2, size - 1]]


@pytest.mark.parametrize("extra", [{}, {"count": {"kind": "categorical", "column": "amount", "min_count": 1}}])
def test_json_says_all_of_it(tmp_path: Path, extra: Any) -> None:
    encoder = fitted(features={**DECLARED["features"], **extra})
    encoder.save(tmp_path / "new" / "encoder.json")
    again = Encoder.load(tmp_path / "new" / "encoder.json")
    assert again == encoder
    for name, block in encoder.batch(month(2)).items():
        np.testing.assert_array_equal(again.batch(month(2))[name], block)


def test_what_a_feature_or_task_refuses_is_refused() -> None:
    with pytest.raises(DataError, match="feature 'shop': a numeric feature needs"):
        fitted(features={"shop": {"kind": "numeric"}})
    with pytest.raises(DataError, match="task 'days': a binary target is 0 or 1"):
        fitted(tasks={"days": {"kind": "binary", "target": "days"}})


def test_two_forms_of_one_column_are_named() -> None:
    lists = {"kind": "multicategorical", "column": "shop", "min_count": 1}
    two = {"first": {**lists, "separator": "|"}, "second": {**lists, "separator": ";"}}
    words = (
        r"features.second: .* as strings with separator ';' here and as strings with separator '\|' for features.first"
    )
    with pytest.raises(DataError, match=words):
        fitted(features=two)


def weighed(values: Any, arrow_type: pa.DataType | None = None) -> pa.Table:
    """Month 1 with a column `copies`, which those values fill from its start again and again."""
    column = pa.array((list(values) * ROWS)[:ROWS], arrow_type)
    return month(1).append_column("copies", column)


def with_weights(table: pa.Table) -> Encoder:
    late = {"kind": "binary", "target": "days", "at_least": 5, "weight_column": "copies"}
    return fit(declared(tasks={**DECLARED["tasks"], "slow": late}), TYPES, table.to_batches(max_chunksize=7))


WEIGHTS = {
    "whole": ([0, 1, 2], pa.int8(), [0, 1, 2]),
    "fractions": ([0.25, 1e-3, 3e38], pa.float64(), [0.25, 1e-3, 3e38]),
    "booleans": ([True, False], pa.bool_(), [1, 0]),
    "decimals": ([Decimal("0.5"), Decimal("2.0")], pa.decimal128(5, 2), [0.5, 2]),
    "32 bits round a tiny one away": ([1e-60, 1.0], pa.float64(), [0, 1]),
}


@pytest.mark.parametrize(("values", "arrow_type", "expected"), WEIGHTS.values(), ids=WEIGHTS)
def test_weights_of_a_table(values: list[Any], arrow_type: pa.DataType, expected: list[float]) -> None:
    """Only tasks that declare a column have weights."""
    table = weighed(values, arrow_type)
    encoder = with_weights(table)
    found = encoder.weights(table)
    assert list(found) == ["slow"]
    assert found["slow"].dtype == np.float32
    np.testing.assert_array_equal(found["slow"][: len(expected)], np.array(expected, dtype=np.float32))
    pieces = [encoder.weights(batch)["slow"] for batch in table.to_batches(max_chunksize=9)]
    np.testing.assert_array_equal(np.concatenate(pieces), found["slow"])
    assert fitted().weights(month(1)) == {}


BAD_WEIGHTS = {
    "missing": ([1.0, None], "found nan in 'copies'; fill the column, or quarantine the row"),
    "not a number": ([1.0, float("nan")], "found nan"),
    "negative": ([1.0, -0.5], r"from 0 to 3\.4e\+38, found -0\.5"),
    "infinite": ([1.0, float("inf")], "found inf"),
    "beyond 32 bits": ([1.0, 1e39], r"found 1e\+39"),
}


@pytest.mark.parametrize(("values", "words"), BAD_WEIGHTS.values(), ids=BAD_WEIGHTS)
def test_weights_that_are_none_are_refused(values: list[Any], words: str) -> None:
    """Training refuses it at once, any other split when it is encoded."""
    with pytest.raises(DataError, match=f"task 'slow': a row's weight must be a number .*{words}"):
        with_weights(weighed(values[::-1]))
    with pytest.raises(DataError, match=f"task 'slow': a row's weight must be a number .*{words}"):
        with_weights(weighed([1.0])).weights(weighed(values))


@pytest.mark.parametrize("values", [[0, 0], [1e-60, 0.0]], ids=str)
def test_a_training_split_without_weight_is_refused(values: list[float]) -> None:
    with pytest.raises(DataError, match=r"task 'slow': some row .* must weigh more than 0, found none in 'copies'"):
        with_weights(weighed(values))
    with_weights(weighed([0] * (ROWS - 1) + [1]))


CELLS = {"kind": "multilabel", "columns": ["returned", "gift"]}


def with_gifts(values: pa.Array | None = None) -> pa.Table:
    gifts = pa.array([None if place % 4 == 0 else place % 3 == 0 for place in range(ROWS)])
    return month(1).append_column("gift", gifts if values is None else values)


def test_several_targets_become_the_labels_of_one_task() -> None:
    types = {**TYPES, "gift": pa.bool_()}
    table = with_gifts()
    encoder = fit(declared(tasks={"cells": CELLS}), types, table.to_batches(max_chunksize=7))
    found = encoder.labels(table)["cells"]
    expected = [
        [int(returned), -1 if gift is None else int(gift)]
        for returned, gift in zip(table["returned"].to_pylist(), table["gift"].to_pylist(), strict=True)
    ]
    assert found.tolist() == expected
    chunked = pa.concat_tables([table.slice(0, 13), table.slice(13)])
    assert encoder.labels(chunked)["cells"].tolist() == expected
    assert encoder.labels(table.slice(20, 5))["cells"].tolist() == expected[20:25]


def test_several_targets_need_one_type() -> None:
    types = {**TYPES, "gift": pa.int64()}
    table = with_gifts(pa.array([1] * ROWS))
    with pytest.raises(DataError, match="task 'cells': all its targets must have one type, found boolean, number in "):
        fit(declared(tasks={"cells": CELLS}), types, table.to_batches())


def test_a_task_without_a_target_has_every_row() -> None:
    encoder = fitted(tasks={**DECLARED["tasks"], "groups": {"kind": "clustering", "clusters": 2}})
    assert encoder.labels(month(1))["groups"].tolist() == [0] * ROWS
    assert len(encoder.labels(month(1).slice(0, 0))["groups"]) == 0
    again = Encoder.model_validate_json(encoder.model_dump_json())
    assert again == encoder
