"""Vector features: standardised lists of numbers in `encode` and graph, their statistics."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mtl_core.config import Model
from mtl_core.errors import DataError
from mtl_core.features import vector
from mtl_core.features.running_stats import ColumnStats, RunningStats
from mtl_core.features.vector import FittedVector, Vector
from mtl_core.input_types import VectorInput
from tests.features.graphs import fit, run_nodes
from tests.strategies import finite, layouts, numbers, partitions, patient

LISTS = pa.list_(pa.float64())
few = settings(deadline=None, max_examples=25)
"""For laws that create a session for every example."""


def rows_of(size: int, values: Any = numbers) -> st.SearchStrategy[list[list[Any] | None]]:
    """Lists of that many numbers, some of which are missing, and missing lists."""
    return st.lists(st.one_of(st.none(), st.lists(values, min_size=size, max_size=size)), min_size=1)


def fit_or_assume(values: pa.Array) -> FittedVector:
    try:
        feature = fit(Vector(), [values], values.type)
    except DataError:
        assume(False)
        raise
    assert isinstance(feature, FittedVector)
    return feature


def assert_agree(*features: FittedVector, values: list[pa.Array]) -> NDArray[np.float32]:
    """The graph has exactly the numbers of `encode`."""
    blocks = FittedVector.encode_blocks(features, {f.column: v for f, v in zip(features, values, strict=True)})
    encoded = np.asarray(blocks["vector"])
    (graph,) = run_nodes(features, values).values()
    assert encoded.dtype == graph.dtype == np.float32
    assert np.isfinite(encoded).all()
    np.testing.assert_array_equal(encoded, graph)
    return encoded


# Encoding


@pytest.mark.parametrize("size", [1, 3])
@given(data=st.data())
@few
def test_encode_and_graph_agree(size: int, data: st.DataObject) -> None:
    arrow_type = data.draw(st.sampled_from([LISTS, pa.list_(pa.float64(), size), pa.large_list(pa.float64())]))
    train = data.draw(rows_of(size))
    feature = fit_or_assume(pa.array(train, arrow_type))
    assert_agree(feature, values=[data.draw(layouts([*data.draw(rows_of(size)), *train], arrow_type))])


@given(train=rows_of(2), other=rows_of(3))
@few
def test_encode_and_graph_agree_on_several_features(train: list[Any], other: list[Any]) -> None:
    rows = max(len(train), len(other))
    columns = [pa.array([*values, *[None] * (rows - len(values))], LISTS) for values in (train, other)]
    features = [fit_or_assume(values).model_copy(update={"column": f"c{i}"}) for i, values in enumerate(columns)]
    encoded = assert_agree(*features, values=columns)
    assert encoded.shape == (rows, sum(feature.width for feature in features))


@given(train=rows_of(2, finite), values=rows_of(2))
@patient
def test_laws_of_encoding(train: list[Any], values: list[Any]) -> None:
    """A dimension is a numeric feature: 0 where missing, else clipped to the training range and standardised."""
    feature = fit_or_assume(pa.array(train, LISTS))
    encoded = feature.encode(pa.array(values, LISTS))
    for row, listed in zip(encoded, values, strict=True):
        raw = np.array([np.nan, np.nan] if listed is None else listed, dtype=np.float64)
        missing = ~np.isfinite(raw)
        scaled = (np.clip(np.where(missing, 0, raw), feature.low, feature.high) - feature.mean) / feature.deviation
        np.testing.assert_array_equal(row[:2], np.where(missing, 0, scaled).astype(np.float32))
        assert feature.flag_missing == (None in train)
        assert row[2:].tolist() == [float(missing.all())] * feature.flag_missing


def test_golden() -> None:
    values = pa.array([[0, 5], [2, None], None, [4, float("inf")]], LISTS)
    feature = fit(Vector(), [values], LISTS)
    assert (feature.mean, feature.deviation) == ((2, 5), (np.sqrt(8 / 3), 1))
    assert (feature.low, feature.high) == ((0, 5), (4, 5))
    limit = np.float32(2 / np.sqrt(8 / 3))
    expected = [[-limit, 0, 0], [0, 0, 0], [0, 0, 1], [limit, 0, 0]]
    np.testing.assert_array_equal(assert_agree(feature, values=[values]), np.float32(expected))
    beyond = pa.array([[-9, 99], [9, -99], [None, None]], LISTS)
    np.testing.assert_array_equal(feature.encode(beyond), np.float32([[-limit, 0, 0], [limit, 0, 0], [0, 0, 1]]))
    assert FittedVector.model_validate_json(feature.model_dump_json()) == feature
    assert feature.input_type == VectorInput(2)
    assert feature.describe() == "2 numbers"


TYPES = [pa.float16(), pa.float32(), pa.float64(), pa.int8(), pa.uint64(), pa.decimal128(6, 2)]
LIST_TYPES = [pa.list_, pa.large_list, lambda item: pa.list_(item, 2)]


@pytest.mark.parametrize("item", TYPES, ids=str)
def test_every_arrow_type(item: pa.DataType) -> None:
    for list_type in LIST_TYPES:
        values = pa.array([[1, 2], None, [3, None]], list_type(item))
        feature = fit(Vector(), [values], values.type)
        encoded = assert_agree(feature, values=[values])
        np.testing.assert_array_equal(encoded, [[-1, 0, 0], [0, 0, 1], [1, 0, 0]])
        np.testing.assert_array_equal(feature.encode(values.slice(2)), encoded[2:])
        np.testing.assert_array_equal(feature.encode(values.slice(1, 1)), encoded[1:2])
        assert feature.encode(values.slice(3)).shape == (0, 3)


def test_adversarial_values_agree() -> None:
    feature = fit(Vector(), [pa.array([[0.1, 2.0, -5.0], None, [0.3, 2.0, 7.0]])], LISTS)
    assert_agree(feature, values=[feature.adversarial()])


def test_a_dimension_without_numbers_in_training_is_zero() -> None:
    feature = fit(Vector(), [pa.array([[1.0, None], [2.0, None]], LISTS)], LISTS)
    assert not feature.flag_missing
    encoded = assert_agree(feature, values=[pa.array([[1.0, 7.0], [2.0, -1e300]])])
    assert encoded[:, 1].tolist() == [0, 0]


# Fitting


@given(rows=rows_of(3, st.one_of(st.none(), st.floats(-1e6, 1e6))), data=st.data())
@patient
def test_statistics_of_each_dimension_do_not_depend_on_the_batches(rows: list[Any], data: st.DataObject) -> None:
    table = np.array([[np.nan] * 3 if row is None else row for row in rows], dtype=np.float64)
    stats = ColumnStats(3)
    for cut in data.draw(partitions(len(rows))):
        stats.update(table[cut])
    for column in range(3):
        expected = RunningStats()
        expected.update(table[np.isfinite(table[:, column]), column])
        assert stats.count[column] == expected.count
        assert (stats.low[column], stats.high[column]) == (expected.low, expected.high)
        np.testing.assert_allclose(stats.mean[column], expected.mean, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(stats.deviation[column], expected.deviation, rtol=1e-7, atol=1e-7)


def test_no_catastrophic_cancellation() -> None:
    values = 1e9 + np.random.default_rng(0).normal(size=(10_000, 2))
    stats = ColumnStats(2)
    for part in np.split(values, 10):
        stats.update(part)
    np.testing.assert_allclose(stats.deviation, values.std(axis=0), rtol=1e-7)


def test_batches_are_processed_in_chunks_of_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    values = pa.array([None, *np.random.default_rng(0).normal(size=(99, 3)).tolist()], LISTS)
    whole = fit(Vector(), [values], LISTS)
    monkeypatch.setattr(vector, "MAX_CELLS", 20)
    chunked = fit(Vector(), [values], LISTS)
    np.testing.assert_allclose(chunked.mean, whole.mean, rtol=1e-12)
    np.testing.assert_allclose(chunked.deviation, whole.deviation, rtol=1e-12)
    assert chunked.flag_missing
    rows = []
    tensor = VectorInput.tensor
    monkeypatch.setattr(VectorInput, "tensor", lambda *args: rows.append(len(args[1])) or tensor(*args))
    encoded = whole.encode(values)
    assert max(rows) == 6
    monkeypatch.undo()
    np.testing.assert_array_equal(encoded, whole.encode(values))


@pytest.mark.parametrize(
    ("parts", "flag"),
    [
        ([[[1.0, 2.0]]], False),
        ([[[1.0, None]]], False),
        ([[[1.0, 2.0], None]], True),
        ([[[1.0, 2.0], [None, float("nan")]]], True),
        ([[None, None], [[1.0, 2.0]]], True),
    ],
)
def test_a_missing_flag_only_where_training_has_missing_lists(parts: list[Any], flag: bool) -> None:
    assert fit(Vector(), [pa.array(part, LISTS) for part in parts], LISTS).flag_missing == flag


@pytest.mark.parametrize(
    ("parts", "rule"),
    [
        ([[[1.0, 2.0], [3.0]]], "column 'f' must have 2 numbers.* found one of 1; repair"),
        ([[[1.0], None], [[], [1.0]]], "must have 1 numbers.* found one of 0"),
        ([[[], []]], "column 'f' .* found an empty one"),
        ([[None, None]], "column 'f' holds no finite number"),
        ([[]], "holds no finite number"),
        ([[[float("nan"), None]]], "holds no finite number"),
        ([[[0.0, -1e300], [0.0, 1e300]]], r"column 'f' .* found -1e\+300 to 1e\+300 at position 1"),
    ],
)
def test_a_column_without_a_fit_is_refused(parts: list[Any], rule: str) -> None:
    with pytest.raises(DataError, match=f"feature 'f': .*{rule}"):
        fit(Vector(), [pa.array(part, LISTS) for part in parts], LISTS)


@pytest.mark.parametrize(("rows", "length"), [([[1.0, 2.0], [1.0, 2.0, 3.0]], 3), ([None, []], 0)])
def test_a_list_of_another_length_is_refused(rows: list[Any], length: int) -> None:
    feature = fit(Vector(), [pa.array([[1.0, 2.0]], LISTS)], LISTS)
    with pytest.raises(DataError, match=f"column 'f' must have 2 numbers.* found one of {length}"):
        feature.encode(pa.array(rows, LISTS))


@pytest.mark.parametrize(
    "arrow_type", [pa.float64(), pa.string(), pa.list_(pa.string()), pa.list_(pa.bool_())], ids=str
)
def test_a_column_that_it_cannot_read_is_refused(arrow_type: pa.DataType) -> None:
    for read in (Vector().input_type, Vector().fitter):
        with pytest.raises(DataError, match=r"feature 'f': .*needs a column of lists of numbers, found"):
            read("f", "f", arrow_type)


@pytest.mark.parametrize(("arrow_type", "size"), [(pa.list_(pa.float32(), 7), 7), (pa.list_(pa.int8()), 0)], ids=str)
def test_the_input_type_has_the_size_of_fixed_size_lists(arrow_type: pa.DataType, size: int) -> None:
    assert Vector().input_type("f", "f", arrow_type) == VectorInput(size)


# The network and trees


def test_the_network_and_trees_take_the_block_unchanged() -> None:
    features = [fit(Vector(), [pa.array([[1.0, 2.0], None], LISTS)], LISTS)] * 2
    network = FittedVector.module(features, Model())
    block = torch.randn(5, 6)
    (row,), sequences = network({"vector": block})
    assert row is block
    assert network.width == 6
    assert not sequences
    assert not list(network.parameters())
    columns = FittedVector.to_columns(features, {"vector": block})
    np.testing.assert_array_equal(columns.values, block)
    assert columns.categorical == (False,) * 6
