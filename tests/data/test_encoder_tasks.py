"""The encoder: row weights, several targets of a task, and none."""

from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mtl_core.data.encoder import Encoder, fit
from mtl_core.errors import DataError
from tests.data.orders import DECLARED, ROWS, declared, month
from tests.data.test_encoder import TYPES, fitted


def weighted(values: Any, arrow_type: pa.DataType | None = None) -> pa.Table:
    """Month 1 with a column `copies` that repeats those values."""
    column = pa.array((list(values) * ROWS)[:ROWS], arrow_type)
    return month(1).append_column("copies", column)


def fit_weighted(table: pa.Table) -> Encoder:
    slow = {**DECLARED["tasks"]["slow"], "weight_column": "copies"}
    return fit(declared(tasks={**DECLARED["tasks"], "slow": slow}), TYPES, table.to_batches(max_chunksize=7))


WEIGHTS = {
    "whole": ([0, 1, 2], pa.int8(), [0, 1, 2]),
    "fractions": ([0.25, 1e-3, 3e38], pa.float64(), [0.25, 1e-3, 3e38]),
    "booleans": ([True, False], pa.bool_(), [1, 0]),
    "decimals": ([Decimal("0.5"), Decimal("2.0")], pa.decimal128(5, 2), [0.5, 2]),
    "32 bits round a tiny weight to 0": ([1e-60, 1.0], pa.float64(), [0, 1]),
}


@pytest.mark.parametrize(("values", "arrow_type", "expected"), WEIGHTS.values(), ids=WEIGHTS)
def test_weights_of_a_table(values: list[Any], arrow_type: pa.DataType, expected: list[float]) -> None:
    """Only tasks that declare a column have weights."""
    table = weighted(values, arrow_type)
    encoder = fit_weighted(table)
    weights = encoder.weights(table)
    assert list(weights) == ["slow"]
    assert weights["slow"].dtype == np.float32
    np.testing.assert_array_equal(weights["slow"][: len(expected)], np.array(expected, dtype=np.float32))
    batches = [encoder.weights(batch)["slow"] for batch in table.to_batches(max_chunksize=9)]
    np.testing.assert_array_equal(np.concatenate(batches), weights["slow"])
    assert fitted().weights(month(1)) == {}


INVALID_WEIGHTS = {
    "missing": ([1.0, None], "found nan in 'copies'"),
    "not a number": ([1.0, float("nan")], "found nan"),
    "negative": ([1.0, -0.5], r"from 0 to 3\.4e\+38, found -0\.5"),
    "infinite": ([1.0, float("inf")], "found inf"),
    "beyond 32 bits": ([1.0, 1e39], r"found 1e\+39"),
}


@pytest.mark.parametrize(("values", "words"), INVALID_WEIGHTS.values(), ids=INVALID_WEIGHTS)
def test_invalid_weights_are_refused(values: list[Any], words: str) -> None:
    """The training split is checked by the fit, other splits when they are encoded."""
    with pytest.raises(DataError, match=f"task 'slow': .*{words}"):
        fit_weighted(weighted(values[::-1]))
    with pytest.raises(DataError, match=f"task 'slow': .*{words}"):
        fit_weighted(weighted([1.0])).weights(weighted(values))


@pytest.mark.parametrize("values", [[0, 0], [1e-60, 0.0]], ids=str)
def test_a_training_split_of_zero_weights_is_refused(values: list[float]) -> None:
    with pytest.raises(DataError, match=r"task 'slow': .* found none in 'copies'"):
        fit_weighted(weighted(values))
    fit_weighted(weighted([0] * (ROWS - 1) + [1]))


CELLS = {"kind": "multilabel", "columns": ["returned", "gift"]}


def with_gifts(values: pa.Array | None = None) -> pa.Table:
    gifts = pa.array([None if row % 4 == 0 else row % 3 == 0 for row in range(ROWS)])
    return month(1).append_column("gift", gifts if values is None else values)


def test_several_targets_are_the_labels_of_one_task() -> None:
    types = {**TYPES, "gift": pa.bool_()}
    table = with_gifts()
    encoder = fit(declared(tasks={"cells": CELLS}), types, table.to_batches(max_chunksize=7))
    expected = [
        [int(returned), -1 if gift is None else int(gift)]
        for returned, gift in zip(table["returned"].to_pylist(), table["gift"].to_pylist(), strict=True)
    ]
    assert encoder.labels(table)["cells"].tolist() == expected
    chunked = pa.concat_tables([table.slice(0, 13), table.slice(13)])
    assert encoder.labels(chunked)["cells"].tolist() == expected
    assert encoder.labels(table.slice(20, 5))["cells"].tolist() == expected[20:25]


def test_several_targets_need_one_type() -> None:
    types = {**TYPES, "gift": pa.int64()}
    table = with_gifts(pa.array([1] * ROWS))
    with pytest.raises(DataError, match="task 'cells': all its targets must have one type, found boolean, number in "):
        fit(declared(tasks={"cells": CELLS}), types, table.to_batches())


def test_a_task_without_a_target_labels_every_row() -> None:
    encoder = fitted(tasks={**DECLARED["tasks"], "groups": {"kind": "clustering", "clusters": 2}})
    assert encoder.labels(month(1))["groups"].tolist() == [0] * ROWS
    assert len(encoder.labels(month(1).slice(0, 0))["groups"]) == 0
    assert Encoder.model_validate_json(encoder.model_dump_json()) == encoder
