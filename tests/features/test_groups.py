"""Law: a group of features of one kind encodes as each feature does separately, in their order and widths."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtl_core.features.categorical import FittedCategorical
from mtl_core.features.numeric import FittedNumeric
from mtl_core.graphs.builder import GraphBuilder
from mtl_core.input_types import ADVERSARIAL_NUMBERS, ADVERSARIAL_STRINGS
from tests.features.graphs import ARROW_TYPES, served, served_group

NUMBERS = [*ADVERSARIAL_NUMBERS, 0.0, 1.0, 2.0, -3.0, 2.0**53]
TEXTS = [*ADVERSARIAL_STRINGS, "a", "b", "A"]


def numeric(index: int, transform: Any, *, flag: bool, low: float, high: float) -> FittedNumeric:
    name = f"n{index}"
    return FittedNumeric(
        name=name,
        column=name,
        type="number",
        transform=transform,
        mean=(low + high) / 2,
        deviation=0.7 + index,
        low=low,
        high=high,
        flag_missing=flag,
    )


OPTIONS = st.tuples(st.sampled_from(["none", "log1p"]), st.booleans(), st.sampled_from([(-2.0, 5.0), (0.0, 1.0)]))


@given(options=st.lists(OPTIONS, min_size=1, max_size=6), data=st.data())
@settings(max_examples=40, deadline=None)
def test_numbers(options: list[Any], data: st.DataObject) -> None:
    features = [
        numeric(index, transform, flag=flag, low=low, high=high)
        for index, (transform, flag, (low, high)) in enumerate(options)
    ]
    columns = [pa.array(data.draw(st.permutations(NUMBERS)), pa.float64()) for _ in features]
    group = served_group(features, columns)
    separate = [served(feature, column) for feature, column in zip(features, columns, strict=True)]
    np.testing.assert_array_equal(group, np.concatenate(separate, axis=1))
    encoded = np.concatenate([f.encode(column) for f, column in zip(features, columns, strict=True)], axis=1)
    np.testing.assert_array_max_ulp(group, encoded, maxulp=1)


TEXT = FittedCategorical(name="t", column="t", type="string", vocabulary=("a", "b", "NaN"))
WHOLE = FittedCategorical(name="w", column="w", type="number", vocabulary=(-3, 0, 1, 2, 2**53 - 1))
FLAG = FittedCategorical(name="f", column="f", type="boolean", vocabulary=(0, 1))


@given(data=st.data(), order=st.permutations([TEXT, WHOLE, FLAG]))
@settings(max_examples=30, deadline=None)
def test_categories(data: st.DataObject, order: list[FittedCategorical]) -> None:
    values: dict[str, list[Any]] = {
        "string": TEXTS,
        "number": [*NUMBERS, 2.0**53 - 1],
        "boolean": [True, False, None],
    }
    rows = {kind: st.lists(st.sampled_from(of_kind), min_size=9, max_size=9) for kind, of_kind in values.items()}
    columns = [pa.array(data.draw(rows[feature.type]), ARROW_TYPES[feature.type]) for feature in order]
    encoded = np.concatenate([f.encode(column) for f, column in zip(order, columns, strict=True)], axis=1)
    np.testing.assert_array_equal(served_group(order, columns), encoded)


@pytest.mark.parametrize("bits", [0x7FF8000000000001, 0xFFF0000000000001, 0x7FF0000000000001, 0xFFFFFFFFFFFFFFFF])
def test_every_nan_is_missing(bits: int) -> None:
    values = pa.array(np.array([bits], dtype=np.uint64).view(np.float64))
    assert served(WHOLE, values).tolist() == [[0]]
    assert served(numeric(0, "none", flag=True, low=-2, high=5), values).tolist() == [[0.0, 1.0]]


def test_no_rows() -> None:
    features = [numeric(n, t, flag=bool(n % 2), low=0, high=1) for n, t in enumerate(["none", "log1p", "none"])]
    assert served_group(features, [pa.array([], pa.float64())] * 3).shape == (0, 4)
    assert served_group([TEXT, WHOLE], [pa.array([], pa.string()), pa.array([], pa.float64())]).shape == (0, 2)


def test_the_number_of_nodes_does_not_depend_on_the_number_of_features() -> None:
    def nodes(count: int) -> int:
        graph = GraphBuilder()
        features = [numeric(index, "none", flag=True, low=0, high=1) for index in range(count)]
        FittedNumeric.to_onnx(graph, features, {f.column: graph.input(f.column, f.input_type) for f in features})
        return len(graph.nodes)

    assert nodes(2) == nodes(200)


def test_a_pick_of_all_rows_in_order_adds_no_node() -> None:
    graph = GraphBuilder()
    assert graph.pick(["x"], ["a", "b"], ["a", "b"]) == "x"
    assert not graph.nodes
    graph.pick(["x"], ["a", "b"], ["a"])
    graph.pick(["x", "y"], ["a", "b"], ["b", "a"])
    assert [node.op_type for node in graph.nodes] == ["Gather", "Concat", "Gather"]
