"""Law: `encode` for tables and `to_onnx` for the graph agree on any values of a column."""

from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mtl_core.arrow import ColumnType
from mtl_core.errors import DataError
from mtl_core.features import FittedFeature
from mtl_core.features.base import Feature
from mtl_core.features.categorical import Categorical
from mtl_core.features.numeric import FittedNumeric, Numeric
from tests.features.graphs import fit, served
from tests.strategies import booleans, integers, layouts, numbers, texts

WHOLE = st.one_of(st.integers(-3, 3).map(float), st.sampled_from([-0.0, 2.0**53 - 1, 1 - 2.0**53, None, float("nan")]))


def assert_agree(feature: FittedFeature, values: pa.Array) -> NDArray[Any]:
    """Equal ids and floats; equal to one ulp after a logarithm, which two libraries round differently."""
    encoded, graph = feature.encode(values), served(feature, values)
    assert encoded.shape == graph.shape
    if isinstance(feature, FittedNumeric) and feature.transform == "log1p":
        assert np.isfinite(encoded).all()
        # Standardising magnifies the last bit of a float64 logarithm by its size over the deviation.
        last_bit = 2 * np.spacing(max(np.log1p(max(abs(feature.low), abs(feature.high))), 1.0)) / feature.deviation
        ulp = np.spacing(np.maximum(np.abs(encoded), np.abs(graph)))
        assert (np.abs(encoded - graph) <= ulp + last_bit).all()
    else:
        np.testing.assert_array_equal(encoded, graph)
    return encoded


def fit_or_assume(feature: Feature, values: pa.Array, kind: ColumnType) -> FittedFeature:
    try:
        return fit(feature, [values], kind)
    except DataError:
        assume(False)
        raise


@given(data=st.data(), train=st.lists(numbers, min_size=1), transform=st.sampled_from(["none", "log1p"]))
@settings(max_examples=120, deadline=None)
def test_numeric(data: st.DataObject, train: list[float | None], transform: Any) -> None:
    feature = fit_or_assume(Numeric(transform=transform), pa.array(train, pa.float64()), "number")
    values = data.draw(st.lists(numbers))
    assert_agree(feature, data.draw(layouts(values + train, pa.float64())))


@given(data=st.data(), train=st.lists(texts, min_size=1))
@settings(max_examples=80, deadline=None)
def test_categorical_text(data: st.DataObject, train: list[str | None]) -> None:
    feature = fit_or_assume(Categorical(min_count=1), pa.array(train, pa.string()), "string")
    ids = assert_agree(feature, data.draw(layouts([*data.draw(st.lists(texts)), *train], pa.string())))
    assert ids.min(initial=0) >= 0
    assert ids.max(initial=0) < feature.size  # type: ignore[attr-defined]


@given(data=st.data(), train=st.lists(WHOLE, min_size=1))
@settings(max_examples=80, deadline=None)
def test_categorical_numbers(data: st.DataObject, train: list[float | None]) -> None:
    feature = fit_or_assume(Categorical(min_count=1), pa.array(train, pa.float64()), "number")
    values = [*data.draw(st.lists(numbers)), *train]
    assert_agree(feature, data.draw(layouts(values, pa.float64())))


KINDS = st.sampled_from([Numeric(), Categorical(min_count=1)])


@given(data=st.data(), values=st.lists(integers, min_size=1), options=KINDS)
@settings(max_examples=60, deadline=None)
def test_integers(data: st.DataObject, values: list[int | None], options: Feature) -> None:
    feature = fit(options, [pa.array([-1, 0, 2], pa.int64())], "number")
    assert_agree(feature, data.draw(layouts(values, pa.int64())))


@given(data=st.data(), values=st.lists(booleans), options=KINDS)
@settings(max_examples=30, deadline=None)
def test_booleans(data: st.DataObject, values: list[bool | None], options: Feature) -> None:
    feature = fit(options, [pa.array([True, False, True])], "boolean")
    assert_agree(feature, data.draw(layouts(values, pa.bool_())))


NUMBERS = {
    "int8": pa.array([1, None, 3], pa.int8()),
    "uint64": pa.array([1, None, 2**64 - 1], pa.uint64()),
    "float16": pa.array([1.0, None, 3.0], pa.float16()),
    "float32": pa.array([0.0, None, 3.0], pa.float32()),
    "decimal": pa.array([Decimal("1.00"), None, Decimal("3.00")], pa.decimal128(8, 2)),
    "dictionary": pa.array([1, None, 3]).dictionary_encode(),
}
TEXTS = {
    "string": pa.array(["a", None, "b", "unseen"]),
    "large_string": pa.array(["a", None, "b", "unseen"], pa.large_string()),
    "string_view": pa.array(["a", None, "b", "unseen"], pa.string_view()),
    "dictionary": pa.array(["a", None, "b", "unseen"]).dictionary_encode(),
    "dictionary of large strings": pa.array(["a", None, "b", "unseen"], pa.large_string()).dictionary_encode(),
    "null in the dictionary": pa.DictionaryArray.from_arrays([0, 1, 2, 3], pa.array(["a", None, "b", "unseen"])),
    "null": pa.nulls(3),
}


@pytest.mark.parametrize("values", NUMBERS.values(), ids=NUMBERS)
@pytest.mark.parametrize("options", [Numeric(), Numeric(transform="log1p"), Categorical(min_count=1)], ids=repr)
def test_every_arrow_type_of_a_number(values: pa.Array, options: Feature) -> None:
    feature = fit(options, [pa.array([1, 2, 3, None])], "number")
    assert_agree(feature, values)
    assert_agree(feature, values.slice(1))


@pytest.mark.parametrize("values", TEXTS.values(), ids=TEXTS)
def test_every_arrow_type_of_a_text(values: pa.Array) -> None:
    feature = fit(Categorical(min_count=1), [pa.array(["a", "b"])], "string")
    ids = assert_agree(feature, values)[:, 0].tolist()
    assert ids == [{"a": 2, "b": 3, "unseen": 1, None: 0}[value] for value in values.to_pylist()]
    assert_agree(feature, values.slice(1))


@pytest.mark.parametrize("transform", ["none", "log1p"])
def test_an_ordinary_column_agrees_to_one_ulp(transform: Any) -> None:
    values = pa.array(np.random.default_rng(0).lognormal(2, 2, 5_000))
    feature = fit(Numeric(transform=transform), [values], "number")
    np.testing.assert_array_max_ulp(feature.encode(values), served(feature, values), maxulp=1)
