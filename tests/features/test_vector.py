"""Vector features: standardised lists of numbers in both forms, their statistics, and what `mtl init` proposes."""

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
from mtl_core.features import ColumnFacts, vector
from mtl_core.features.running_stats import ColumnStats, RunningStats
from mtl_core.features.vector import MAX_PROPOSED, FittedVector, Vector
from mtl_core.input_types import VectorInput
from tests.features.graphs import fit, run_nodes
from tests.strategies import finite, layouts, numbers, partitions, patient

LISTS = pa.list_(pa.float64())
few = settings(deadline=None, max_examples=25)
"""For laws that open a session for every example."""


def rows_of(size: int, of: Any = numbers) -> st.SearchStrategy[list[list[Any] | None]]:
    """Lists of that many numbers, some of which are missing, and missing lists."""
    return st.lists(st.one_of(st.none(), st.lists(of, min_size=size, max_size=size)), min_size=1)


def fit_or_assume(values: pa.Array) -> FittedVector:
    try:
        found = fit(Vector(), [values], values.type)
    except DataError:
        assume(False)
        raise
    assert isinstance(found, FittedVector)
    return found


def assert_agree(*features: FittedVector, values: list[pa.Array]) -> NDArray[np.float32]:
    """The graph has the numbers of `encode`, to the bit."""
    encoded = FittedVector.encode_blocks(features, {f.column: v for f, v in zip(features, values, strict=True)})
    (graph,) = run_nodes(features, values).values()
    (found,) = encoded.values()
    assert isinstance(found, np.ndarray)
    assert found.dtype == graph.dtype == np.float32
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(found, graph)
    return found


# Numbers, in both forms


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
def test_encode_and_graph_agree_on_several(train: list[Any], other: list[Any]) -> None:
    rows = max(len(train), len(other))
    columns = [pa.array([*some, *[None] * (rows - len(some))], LISTS) for some in (train, other)]
    features = [fit_or_assume(values).model_copy(update={"column": f"c{i}"}) for i, values in enumerate(columns)]
    found = assert_agree(*features, values=columns)
    assert found.shape == (rows, sum(feature.width for feature in features))


@given(train=rows_of(2, finite), values=rows_of(2))
@patient
def test_laws_of_what_is_encoded(train: list[Any], values: list[Any]) -> None:
    """A dimension is a numeric feature: 0 where missing, else clipped to the training range and standardised."""
    feature = fit_or_assume(pa.array(train, LISTS))
    found = feature.encode(pa.array(values, LISTS))
    for row, numbers_of_row in zip(found, values, strict=True):
        raw = np.array([np.nan, np.nan] if numbers_of_row is None else numbers_of_row, dtype=np.float64)
        missing = ~np.isfinite(raw)
        scaled = (np.clip(np.where(missing, 0, raw), feature.low, feature.high) - feature.mean) / feature.deviation
        np.testing.assert_array_equal(row[:2], np.where(missing, 0, scaled).astype(np.float32))
        assert feature.flag_missing == (None in train)
        assert row[2:].tolist() == [float(missing.all())] * feature.flag_missing


def test_golden() -> None:
    values = pa.array([[0, 5], [2, None], None, [4, float("inf")]], LISTS)
    feature = fit(Vector(), [values], LISTS)
    assert (feature.mean, feature.deviation, feature.low, feature.high) == (
        (2, 5),
        (np.sqrt(8 / 3), 1),
        (0, 5),
        (4, 5),
    )
    side = np.float32(2 / np.sqrt(8 / 3))
    expected = [[-side, 0, 0], [0, 0, 0], [0, 0, 1], [side, 0, 0]]
    np.testing.assert_array_equal(assert_agree(feature, values=[values]), np.float32(expected))
    beyond = pa.array([[-9, 99], [9, -99], [None, None]], LISTS)
    np.testing.assert_array_equal(feature.encode(beyond), np.float32([[-side, 0, 0], [side, 0, 0], [0, 0, 1]]))
    assert FittedVector.model_validate_json(feature.model_dump_json()) == feature
    assert feature.input_type == VectorInput(2)
    assert feature.describe() == "2 numbers"


TYPES = [pa.float16(), pa.float32(), pa.float64(), pa.int8(), pa.uint64(), pa.decimal128(6, 2)]
FORMS = [pa.list_, pa.large_list, lambda item: pa.list_(item, 2)]


@pytest.mark.parametrize("item", TYPES, ids=str)
def test_every_arrow_type(item: pa.DataType) -> None:
    for form in FORMS:
        values = pa.array([[1, 2], None, [3, None]], form(item))
        feature = fit(Vector(), [values], values.type)
        found = assert_agree(feature, values=[values])
        np.testing.assert_array_equal(found, [[-1, 0, 0], [0, 0, 1], [1, 0, 0]])
        np.testing.assert_array_equal(feature.encode(values.slice(2)), found[2:])
        np.testing.assert_array_equal(feature.encode(values.slice(1, 1)), found[1:2])
        assert feature.encode(values.slice(3)).shape == (0, 3)


def test_adversarial_values_agree() -> None:
    feature = fit(Vector(), [pa.array([[0.1, 2.0, -5.0], None, [0.3, 2.0, 7.0]])], LISTS)
    assert_agree(feature, values=[feature.adversarial()])


def test_a_dimension_without_numbers_in_training_is_zero() -> None:
    feature = fit(Vector(), [pa.array([[1.0, None], [2.0, None]], LISTS)], LISTS)
    assert not feature.flag_missing
    found = assert_agree(feature, values=[pa.array([[1.0, 7.0], [2.0, -1e300]])])
    assert found[:, 1].tolist() == [0, 0]


# Fitting


@given(rows=rows_of(3, st.one_of(st.none(), st.floats(-1e6, 1e6))), data=st.data())
@patient
def test_statistics_are_those_of_each_dimension_however_the_rows_are_cut(rows: list[Any], data: st.DataObject) -> None:
    table = np.array([[np.nan] * 3 if row is None else row for row in rows], dtype=np.float64)
    stats = ColumnStats(3)
    for cut in data.draw(partitions(len(rows))):
        stats.update(table[cut])
    for column in range(3):
        expected = RunningStats()
        expected.update(known := table[np.isfinite(table[:, column]), column])
        assert stats.count[column] == expected.count == known.size
        assert (stats.low[column], stats.high[column]) == (expected.low, expected.high)
        np.testing.assert_allclose(stats.mean[column], expected.mean, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(stats.deviation[column], expected.deviation, rtol=1e-7, atol=1e-7)


def test_no_catastrophic_cancellation() -> None:
    values = 1e9 + np.random.default_rng(0).normal(size=(10_000, 2))
    stats = ColumnStats(2)
    for part in np.split(values, 10):
        stats.update(part)
    np.testing.assert_allclose(stats.deviation, values.std(axis=0), rtol=1e-7)


def test_batches_are_worked_on_a_few_rows_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    values = pa.array([None, *np.random.default_rng(0).normal(size=(99, 3)).tolist()], LISTS)
    whole = fit(Vector(), [values], LISTS)
    monkeypatch.setattr(vector, "CELLS", 20)
    parts = fit(Vector(), [values], LISTS)
    np.testing.assert_allclose(parts.mean, whole.mean, rtol=1e-12)
    np.testing.assert_allclose(parts.deviation, whole.deviation, rtol=1e-12)
    assert parts.flag_missing
    widest = []
    tensor = VectorInput.tensor
    monkeypatch.setattr(VectorInput, "tensor", lambda *given: widest.append(len(given[1])) or tensor(*given))
    found = whole.encode(values)
    assert max(widest) == 6
    monkeypatch.undo()
    np.testing.assert_array_equal(found, whole.encode(values))


def test_a_flag_only_where_training_missed_a_whole_list() -> None:
    parts = {
        "none": [pa.array([[1.0, 2.0]], LISTS)],
        "a number": [pa.array([[1.0, None]], LISTS)],
        "a list": [pa.array([[1.0, 2.0], None], LISTS)],
        "all its numbers": [pa.array([[1.0, 2.0], [None, float("nan")]], LISTS)],
        "in the first part": [pa.array([None, None], LISTS), pa.array([[1.0, 2.0]], LISTS)],
    }
    found = {name: fit(Vector(), values, LISTS).flag_missing for name, values in parts.items()}
    assert found == {"none": False, "a number": False, "a list": True, "all its numbers": True} | {
        "in the first part": True
    }


@pytest.mark.parametrize(
    ("parts", "rule"),
    [
        ([[[1.0, 2.0], [3.0]]], r"every list of column 'f' must have 2 numbers, .* found one of 1; repair it"),
        ([[[1.0], None], [[], [1.0]]], "must have 1 numbers, .* found one of 0"),
        ([[[], []]], "the lists of column 'f' must have a number or more, found an empty one"),
        ([[None, None]], "column 'f' holds no finite number in the training split"),
        ([[]], "holds no finite number"),
        ([[[float("nan"), None]]], "holds no finite number"),
        ([[[0.0, -1e300], [0.0, 1e300]]], r"the squares of column 'f' must fit .* -1e\+300 to 1e\+300 at position 1"),
    ],
)
def test_a_column_without_a_fit_is_refused(parts: list[Any], rule: str) -> None:
    with pytest.raises(DataError, match=f"feature 'f': .*{rule}"):
        fit(Vector(), [pa.array(part, LISTS) for part in parts], LISTS)


@pytest.mark.parametrize(("rows", "length"), [([[1.0, 2.0], [1.0, 2.0, 3.0]], 3), ([None, []], 0)])
def test_a_list_of_another_length_is_refused(rows: list[Any], length: int) -> None:
    feature = fit(Vector(), [pa.array([[1.0, 2.0]], LISTS)], LISTS)
    with pytest.raises(DataError, match=f"'f': every list of column 'f' must have 2 numbers, .* found one of {length}"):
        feature.encode(pa.array(rows, LISTS))


@pytest.mark.parametrize(
    "arrow_type", [pa.float64(), pa.string(), pa.list_(pa.string()), pa.list_(pa.bool_())], ids=str
)
def test_a_column_that_it_cannot_read_is_refused(arrow_type: pa.DataType) -> None:
    for read in (Vector().input_type, Vector().fitter):
        with pytest.raises(
            DataError, match=r"feature 'f': a vector feature needs a column of lists of numbers, found "
        ):
            read("f", "f", arrow_type)


@pytest.mark.parametrize(("arrow_type", "size"), [(pa.list_(pa.float32(), 7), 7), (pa.list_(pa.int8()), 0)], ids=str)
def test_the_type_says_the_size_where_it_is_fixed(arrow_type: pa.DataType, size: int) -> None:
    assert Vector().input_type("f", "f", arrow_type) == VectorInput(size)


# The network, trees, and what `mtl init` proposes


def test_the_network_takes_the_block_as_it_is() -> None:
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


def proposed(values: pa.Array) -> Any:
    known = values.drop_null()
    return Vector.propose(
        ColumnFacts(
            name="f",
            type=values.type,
            rows=len(values),
            known=len(known),
            distinct=0,
            common=(),
            whole=False,
            sequence=False,
            values=known,
        )
    )


def wide(size: int) -> pa.Array:
    return pa.array(np.arange(2 * size).reshape(2, size).tolist(), pa.list_(pa.float32()))


@pytest.mark.parametrize(
    ("values", "warning"),
    [
        (pa.array([[1.5, 2.0], None, [3.0, None]]), ""),
        (pa.array([[1, 2], [3, 4]], pa.list_(pa.int64(), 2)), ""),
        (pa.array([[1, 2], [3, 4]]), "whole numbers"),
        (wide(MAX_PROPOSED), ""),
    ],
    ids=["lists", "of fixed size", "of whole numbers", "as wide as may be"],
)
def test_lists_of_one_length_are_proposed(values: pa.Array, warning: str) -> None:
    found = proposed(values)
    assert found.options == {"kind": "vector"}
    assert warning in found.warning
    assert bool(warning) == bool(found.warning)


@pytest.mark.parametrize(
    ("values", "note"),
    [
        (pa.array([[1.5], [2.0, 3.0]]), "several lengths"),
        (pa.array([[], []], LISTS), "the same numbers"),
        (pa.array([[1, None]] * 9), "the same numbers"),
        (pa.array([[None, np.nan], [np.inf, None]], LISTS), "no finite number"),
        (pa.array([[1.5]] * 2_000 + [[1.5, 2.0]]), "several lengths"),
        (wide(MAX_PROPOSED + 1), "lists of 4,097 numbers"),
    ],
)
def test_other_lists_of_numbers_are_left_out_with_a_note(values: pa.Array, note: str) -> None:
    assert not proposed(values).options
    assert note in proposed(values).note


@pytest.mark.parametrize("values", [pa.array([["a"]]), pa.array([1.0]), pa.nulls(2, LISTS)], ids=str)
def test_other_columns_are_not_proposed(values: pa.Array) -> None:
    assert proposed(values) is None
