"""The encoder: blocks and labels from raw columns, and its JSON."""

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
    """An encoder with `size` ids in two columns, the first of which has 3."""
    names = pa.array([f"{index:06}" for index in range(size - 5)])
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
        "log_amount": {"kind": "numeric", "column": "amount", "transform": "log1p"},
    }
    encoder = fitted(features=features)
    assert encoder.inputs == {"shop": StringInput(), "amount": NumberInput()}
    assert {kind: [feature.name for feature in group] for kind, group in encoder.groups.items()} == {
        "categorical": ["first", "shop"],
        "numeric": ["amount", "log_amount"],
    }
    assert encoder.blocks == {
        "categorical": Block(shape=(2,), dtype=np.dtype(np.int16)),
        "numeric": Block(shape=(4,), dtype=np.dtype(np.float32)),
    }
    batch = encoder.batch(month(2))
    assert {name: (values.shape, values.dtype) for name, values in batch.items()} == {
        name: ((ROWS, *block.shape), block.dtype) for name, block in encoder.blocks.items()
    }
    # The vocabulary has east, north and the shop of month 1; the shop of month 2 is unseen.
    assert batch["categorical"][:4].tolist() == [[2, 7], [3, 8], [0, 5], [1, 6]]
    np.testing.assert_array_equal(batch["numeric"][:, 1], month(1)["amount"].is_null())


def test_chunks_encode_as_the_whole_table() -> None:
    encoder, table = fitted(), month(2)
    for encode in (encoder.batch, encoder.labels):
        whole = encode(table)
        chunks = encode(pa.concat_tables([table.slice(0, 13), table.slice(13)]))
        batches = [encode(batch) for batch in table.to_batches(max_chunksize=9)]
        for name, values in whole.items():
            np.testing.assert_array_equal(chunks[name], values)
            np.testing.assert_array_equal(np.concatenate([batch[name] for batch in batches]), values)
        assert all(not len(values) for values in encode(table.slice(0, 0)).values())


def test_the_size_of_batches_does_not_change_the_fit() -> None:
    whole, batched = fit(declared(), TYPES, month(1).to_batches()), fitted()
    dumps = [[f.model_dump(exclude={"mean", "deviation"}) for f in encoder.features] for encoder in (whole, batched)]
    assert dumps[0] == dumps[1]
    numbers = [encoder.batch(month(2))["numeric"] for encoder in (whole, batched)]
    np.testing.assert_allclose(numbers[0], numbers[1], rtol=1e-6, atol=1e-7)


def test_labels_of_a_table() -> None:
    labels = fitted().labels(month(1))
    types = [(name, values.dtype.name) for name, values in labels.items()]
    assert types == [("returned", "int8"), ("slow", "int8"), ("days", "float32")]
    np.testing.assert_array_equal(labels["slow"][:9], [-1, 0, 0, 0, 0, 1, 1, -1, 1])
    np.testing.assert_array_equal(labels["days"][:3], np.array([np.nan, 1, 2], dtype=np.float32))


@pytest.mark.parametrize(("feature", "block"), [("shop", "categorical"), ("amount", "numeric")])
def test_a_kind_without_features_has_no_block(feature: str, block: str) -> None:
    encoder = fitted(features={feature: DECLARED["features"][feature]})
    assert list(encoder.blocks) == list(encoder.encode(month(1))) == [block]


@pytest.mark.parametrize(("size", "dtype"), [(32_767, np.int16), (32_768, np.int32)])
def test_ids_have_the_narrowest_type(size: int, dtype: type) -> None:
    encoder = vocabulary(size)
    assert encoder.blocks["categorical"].dtype == np.dtype(dtype)
    ids = encoder.batch(pa.table({"a": ["x"], "b": [f"{size - 6:06}"]}))["categorical"]
    assert ids.tolist() == [[2, size - 1]]


@pytest.mark.parametrize("extra", [{}, {"count": {"kind": "categorical", "column": "amount", "min_count": 1}}])
def test_json_holds_the_whole_encoder(tmp_path: Path, extra: Any) -> None:
    encoder = fitted(features={**DECLARED["features"], **extra})
    encoder.save(tmp_path / "new" / "encoder.json")
    loaded = Encoder.load(tmp_path / "new" / "encoder.json")
    assert loaded == encoder
    for name, values in encoder.batch(month(2)).items():
        np.testing.assert_array_equal(loaded.batch(month(2))[name], values)


def test_errors_of_features_and_tasks_are_raised() -> None:
    with pytest.raises(DataError, match="feature 'shop': a numeric feature needs"):
        fitted(features={"shop": {"kind": "numeric"}})
    with pytest.raises(DataError, match="task 'days': a binary target is 0 or 1"):
        fitted(tasks={"days": {"kind": "binary", "target": "days"}})


def test_two_input_types_of_a_column_are_refused() -> None:
    lists = {"kind": "multicategorical", "column": "shop", "min_count": 1}
    features = {"first": {**lists, "separator": "|"}, "second": {**lists, "separator": ";"}}
    with pytest.raises(DataError, match=r"features.second: .* separator ';' here .* separator '\|' for features.first"):
        fitted(features=features)
