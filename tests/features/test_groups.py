"""Law: features of one kind in one group of nodes give what each gives alone, in their order and widths."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtl_core.export.builder import GraphBuilder
from mtl_core.features.categorical import FittedCategorical
from mtl_core.features.numeric import FittedNumeric
from tests.features.graphs import served, served_together

HOSTILE = [None, np.nan, np.inf, -np.inf, 1e308, -1e308, 5e-324, -0.0, 0.0, 0.5, 1.0, 2.0, -3.0, 2.0**53, 1e15 + 0.5]
HOSTILE_TEXTS = [None, "", " ", "a", "b", "A", "\u00e9\U0001f6e9", "0", "NaN", "x" * 10_000]


def numeric(number: int, transform: Any, *, flag: bool, low: float, high: float) -> FittedNumeric:
    name = f"n{number}"
    return FittedNumeric(
        name=name,
        column=name,
        type="number",
        transform=transform,
        mean=(low + high) / 2,
        deviation=0.7 + number,
        low=low,
        high=high,
        flag_missing=flag,
    )


OPTIONS = st.tuples(st.sampled_from(["none", "log1p"]), st.booleans(), st.sampled_from([(-2.0, 5.0), (0.0, 1.0)]))


@given(options=st.lists(OPTIONS, min_size=1, max_size=6), data=st.data())
@settings(max_examples=40, deadline=None)
def test_numbers(options: list[Any], data: st.DataObject) -> None:
    features = [
        numeric(number, transform, flag=flag, low=low, high=high)
        for number, (transform, flag, (low, high)) in enumerate(options)
    ]
    columns = [pa.array(data.draw(st.permutations(HOSTILE)), pa.float64()) for _ in features]
    together = served_together(features, columns)
    alone = [served(feature, column) for feature, column in zip(features, columns, strict=True)]
    np.testing.assert_array_equal(together, np.concatenate(alone, axis=1))
    by_table = np.concatenate([f.encode(column) for f, column in zip(features, columns, strict=True)], axis=1)
    np.testing.assert_array_max_ulp(together, by_table, maxulp=1)


TEXT = FittedCategorical(name="t", column="t", type="string", vocabulary=("a", "b", "NaN"))
WHOLE = FittedCategorical(name="w", column="w", type="number", vocabulary=(-3, 0, 1, 2, 2**53 - 1))
FLAG = FittedCategorical(name="f", column="f", type="boolean", vocabulary=(0, 1))


@given(data=st.data(), order=st.permutations([TEXT, WHOLE, FLAG]))
@settings(max_examples=30, deadline=None)
def test_categories(data: st.DataObject, order: list[FittedCategorical]) -> None:
    values = {
        "string": st.lists(st.sampled_from(HOSTILE_TEXTS), min_size=9, max_size=9).map(
            lambda v: pa.array(v, pa.string())
        ),
        "number": st.lists(st.sampled_from([*HOSTILE, 2.0**53 - 1]), min_size=9, max_size=9).map(pa.array),
        "boolean": st.lists(st.sampled_from([True, False, None]), min_size=9, max_size=9).map(pa.array),
    }
    columns = [data.draw(values[feature.type]) for feature in order]
    together = served_together(order, columns)
    by_table = np.concatenate([f.encode(column) for f, column in zip(order, columns, strict=True)], axis=1)
    np.testing.assert_array_equal(together, by_table)


@pytest.mark.parametrize("bits", [0x7FF8000000000001, 0xFFF0000000000001, 0x7FF0000000000001, 0xFFFFFFFFFFFFFFFF])
def test_every_nan_is_missing(bits: int) -> None:
    values = pa.array(np.array([bits], dtype=np.uint64).view(np.float64))
    assert served(WHOLE, values).tolist() == [[0]]
    assert served(numeric(0, "none", flag=True, low=-2, high=5), values).tolist() == [[0.0, 1.0]]


def test_no_rows() -> None:
    features = [numeric(n, t, flag=bool(n % 2), low=0, high=1) for n, t in enumerate(["none", "log1p", "none"])]
    assert served_together(features, [pa.array([], pa.float64())] * 3).shape == (0, 4)
    assert served_together([TEXT, WHOLE], [pa.array([], pa.string()), pa.array([], pa.float64())]).shape == (0, 2)


def test_nodes_do_not_grow_with_the_features() -> None:
    def nodes(count: int) -> int:
        graph = GraphBuilder()
        features = [numeric(number, "none", flag=True, low=0, high=1) for number in range(count)]
        FittedNumeric.to_onnx(graph, features, {f.column: graph.input(f.column, f.input_type) for f in features})
        return len(graph.nodes)

    assert nodes(2) == nodes(200)


def test_a_pick_that_changes_nothing_adds_nothing() -> None:
    graph = GraphBuilder()
    assert graph.pick(["x"], ["a", "b"], ["a", "b"]) == "x"
    assert not graph.nodes
    graph.pick(["x"], ["a", "b"], ["a"])
    graph.pick(["x", "y"], ["a", "b"], ["b", "a"])
    assert [node.op_type for node in graph.nodes] == ["Gather", "Concat", "Gather"]
