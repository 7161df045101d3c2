"""Multi-categorical features: ids of lists in `encode` and graph, their vocabulary, their errors."""

from collections import Counter
from contextlib import nullcontext
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mtl_core.errors import DataError
from mtl_core.features.multicategorical import MAX_ITEMS, FittedMulticategorical, Multicategorical
from mtl_core.input_types import StringsInput
from tests.features.graphs import fit, run_nodes
from tests.strategies import booleans, integers, layouts, numbers, partitions, patient, texts

LISTS = pa.list_(pa.string())
few = settings(deadline=None, max_examples=25)
"""For laws that create a session for every example."""
lists = st.one_of(st.none(), st.lists(texts, max_size=5))
separated = st.one_of(
    texts, st.lists(texts.filter(lambda text: text is None or "|" not in text)).map(lambda row: "|".join(map(str, row)))
)


def fitted(*vocabulary: str, separator: str | None = None, name: str = "f") -> FittedMulticategorical:
    return FittedMulticategorical(name=name, column=name, separator=separator, vocabulary=vocabulary)


def encoded(feature: FittedMulticategorical, values: pa.Array) -> NDArray[Any]:
    """(rows, L) ids."""
    return feature.encode(values).padded(0)


def assert_agree(feature: FittedMulticategorical, values: pa.Array) -> NDArray[Any]:
    """Equal ids, padded equally."""
    ids = encoded(feature, values)
    (graph,) = run_nodes([feature], [values]).values()
    assert graph.dtype == np.int32
    np.testing.assert_array_equal(ids, graph)
    assert ids.dtype == feature.dtype
    assert ids.min(initial=0) >= 0
    assert ids.max(initial=0) < feature.size
    return ids


# Ids


@given(data=st.data(), train=st.lists(lists), wide=st.booleans())
@few
def test_encode_and_graph_agree_on_lists(data: st.DataObject, train: list[Any], wide: bool) -> None:
    arrow_type = pa.large_list(pa.large_string()) if wide else LISTS
    feature = fit(Multicategorical(min_count=1), [pa.array([*train, ["a"]], arrow_type)], arrow_type)
    rows = [*data.draw(st.lists(lists)), *train]
    assert_agree(feature, data.draw(layouts(rows or [None], arrow_type)))


@given(data=st.data(), train=st.lists(separated))
@few
def test_encode_and_graph_agree_on_text(data: st.DataObject, train: list[Any]) -> None:
    feature = fit(Multicategorical(min_count=1, separator="|"), [pa.array([*train, "a"], pa.string())], pa.string())
    rows = [*data.draw(st.lists(separated)), *train]
    values = data.draw(layouts(rows or [None], pa.string()))
    ids = assert_agree(feature, values)
    np.testing.assert_array_equal(ids, encoded(feature, values.dictionary_encode()))


@pytest.mark.parametrize("items", [pa.int64(), pa.float64(), pa.bool_()], ids=str)
@given(data=st.data())
@few
def test_encode_and_graph_agree_on_numbers_and_booleans(items: pa.DataType, data: st.DataObject) -> None:
    values_of = {pa.int64(): integers, pa.float64(): numbers, pa.bool_(): booleans}
    rows = data.draw(st.lists(st.one_of(st.none(), st.lists(values_of[items], max_size=4)), min_size=1))
    values = pa.array([*rows, [True if items == pa.bool_() else 1]], pa.list_(items))
    feature = fit(Multicategorical(min_count=1), [values], values.type)
    assert_agree(feature, data.draw(layouts(rows, values.type)))


TAGS: dict[str, pa.Array] = {
    "list": pa.array([["1", "2"], None, ["3", None]], pa.list_(pa.string())),
    "large list": pa.array([["1", "2"], None, ["3", None]], pa.large_list(pa.large_string())),
    "of string views": pa.array([["1", "2"], None, ["3", None]], pa.list_(pa.string_view())),
    "of fixed size": pa.array([["1", "2"], None, ["3", None]], pa.list_(pa.string(), 2)),
    "of a dictionary": pa.array([["1", "2"], None, ["3", None]], pa.list_(pa.dictionary(pa.int8(), pa.string()))),
    "of int8": pa.array([[1, 2], None, [3, None]], pa.list_(pa.int8())),
    "of float16": pa.array([[1, 2], None, [3, None]], pa.list_(pa.float16())),
    "of decimals": pa.array([[1, 2], None, [3, None]], pa.list_(pa.decimal128(5, 2))),
}


@pytest.mark.parametrize("values", TAGS.values(), ids=TAGS)
def test_every_arrow_type_of_a_list(values: pa.Array) -> None:
    feature = fit(Multicategorical(min_count=1), [values], values.type)
    assert feature.vocabulary == ("1", "2", "3")
    np.testing.assert_array_equal(assert_agree(feature, values), [[2, 3], [0, 0], [4, 0]])
    np.testing.assert_array_equal(assert_agree(feature, values.slice(2)), [[4, 0]])


TEXTS = ["1|2", None, "3|"]


@pytest.mark.parametrize(
    "values",
    [
        pa.array(TEXTS),
        pa.array(TEXTS, pa.large_string()),
        pa.array(TEXTS, pa.string_view()),
        pa.array(TEXTS).dictionary_encode(),
        pa.array(TEXTS, pa.large_string()).dictionary_encode(),
        pa.DictionaryArray.from_arrays([0, 1, 2], pa.array(TEXTS)),
    ],
    ids=lambda values: str(values.type),
)
def test_every_arrow_type_of_text(values: pa.Array) -> None:
    feature = fit(Multicategorical(min_count=1, separator="|"), [values], values.type)
    np.testing.assert_array_equal(assert_agree(feature, values), [[2, 3], [0, 0], [4, 0]])


@pytest.mark.parametrize("values", [pa.nulls(3), pa.nulls(3).dictionary_encode()], ids=lambda values: str(values.type))
def test_a_column_without_any_value(values: pa.Array) -> None:
    with pytest.raises(DataError, match="no item of column 'f' occurs"):
        fit(Multicategorical(separator="|"), [values], values.type)
    feature = fit(Multicategorical(min_count=1, separator="|"), [pa.array(["a"])], pa.string())
    np.testing.assert_array_equal(assert_agree(feature, values), [[0]] * 3)


ROWS: dict[str, tuple[list[Any], list[list[int]]]] = {
    "one item": ([["a"], ["b"]], [[2], [3]]),
    "all rows empty": ([[], None, []], [[0], [0], [0]]),
    "only empty items": ([[""], [None]], [[0], [0]]),
    "unseen items": ([["never", "a"], ["x" * 1_000_000]], [[1, 2], [1, 0]]),
    "an item twice": ([["a", "a"]], [[2, 2]]),
    "blanks count in a list": ([["a "], [" "]], [[1], [1]]),
    "no row": ([], np.zeros((0, 1)).tolist()),
}


@pytest.mark.parametrize(("rows", "ids"), ROWS.values(), ids=ROWS)
def test_golden_ids_of_lists(rows: list[Any], ids: list[list[int]]) -> None:
    values = pa.array(rows, LISTS)
    assert encoded(fitted("a", "b"), values).tolist() == ids
    if rows:
        assert_agree(fitted("a", "b"), values)


@pytest.mark.parametrize(
    ("separator", "text", "ids"),
    [
        ("|", "a|b", [2, 3]),
        ("|", " a | b ", [2, 3]),
        ("|", "a||b|", [2, 0, 3, 0]),
        ("|", "", [0]),
        ("|", None, [0]),
        ("|", "a;b", [1]),
        (", ", "a, b,a", [2, 1]),
        ("||", "a||b|a", [2, 1]),
        (".", "a.b", [2, 3]),  # no regular expression
        ("\t", "a\tb", [2, 3]),
    ],
)
def test_golden_ids_of_text(separator: str, text: str | None, ids: list[int]) -> None:
    feature = fitted("a", "b", separator=separator)
    assert assert_agree(feature, pa.array([text], pa.string())).tolist() == [ids]


@given(rows=st.lists(lists, min_size=1), data=st.data())
@patient
def test_the_ids_of_a_row_do_not_depend_on_other_rows(rows: list[Any], data: st.DataObject) -> None:
    values = pa.array([*rows, ["a"] * 9], LISTS)
    feature = fit(Multicategorical(min_count=1), [values], LISTS)
    batch, row = feature.encode(values), data.draw(st.integers(0, len(rows) - 1))
    single = feature.encode(values.slice(row, 1))
    np.testing.assert_array_equal(single.values, batch.take(np.array([row])).values)


# Fitting


@given(rows=st.lists(lists), min_count=st.integers(1, 3), data=st.data())
@patient
def test_the_vocabulary_has_the_frequent_items(rows: list[Any], min_count: int, data: st.DataObject) -> None:
    rows = [*rows, ["a"] * 3]
    counts = Counter(item for row in rows if row for item in row if item)
    cuts = [pa.array(rows, LISTS)[cut] for cut in data.draw(partitions(len(rows)))]
    feature = fit(Multicategorical(min_count=min_count), cuts, LISTS)
    assert feature.vocabulary == tuple(sorted(item for item, count in counts.items() if count >= min_count))
    assert FittedMulticategorical.model_validate_json(feature.model_dump_json()) == feature


def test_rows_of_a_dictionary_are_counted() -> None:
    values = pa.array(["a|b", "a", "a|b", None, "c"]).dictionary_encode()
    assert fit(Multicategorical(separator="|", min_count=2), [values], values.type).vocabulary == ("a", "b")
    assert fit(Multicategorical(separator="|", min_count=3), [values], values.type).vocabulary == ("a",)


@pytest.mark.parametrize("separator", [None, "|"])
def test_a_list_of_too_many_items_is_refused(separator: str | None) -> None:
    def column(items: int) -> pa.Array:
        rows = [["a"], ["a"] * items]
        return pa.array(["|".join(row) for row in rows]) if separator else pa.array(rows, LISTS)

    feature = fit(Multicategorical(separator=separator), [column(MAX_ITEMS)], column(1).type)
    assert feature.encode(column(MAX_ITEMS)).lengths.tolist() == [1, MAX_ITEMS]
    rule = "feature 'f': .* at most 1,000 items, found one of 1,001 in column 'f'; shorten"
    with pytest.raises(DataError, match=rule):
        feature.encode(column(MAX_ITEMS + 1))
    with pytest.raises(DataError, match=rule):
        fit(Multicategorical(separator=separator), [column(MAX_ITEMS + 1)], column(1).type)


def test_a_long_text_without_a_row_is_not_refused() -> None:
    values = pa.array(["a", "a|" * MAX_ITEMS]).dictionary_encode().filter(pa.array([True, False]))
    assert len(values.dictionary) == 2
    assert encoded(fitted("a", separator="|"), values).tolist() == [[2]]


COLUMNS: list[tuple[dict[str, Any], pa.DataType, str]] = [
    ({"separator": "|"}, pa.string(), ""),
    ({"separator": "|"}, pa.dictionary(pa.int8(), pa.string()), ""),
    ({"separator": "|"}, pa.null(), ""),
    ({}, LISTS, ""),
    ({}, pa.list_(pa.bool_(), 3), ""),
    ({}, pa.large_list(pa.int64()), ""),
    ({}, pa.string(), "needs a separator.* found none for column 'f'; add one"),
    ({}, pa.null(), "needs a separator"),
    ({}, pa.dictionary(pa.int8(), pa.string()), "needs a separator"),
    ({"separator": "|"}, LISTS, r"found list<.*> in column 'f'; remove separator"),
    ({"separator": "|"}, pa.int64(), "needs a column of lists.* found int64 in column 'f'"),
    ({}, pa.timestamp("us"), "needs a column of lists"),
    ({}, pa.list_(LISTS), "needs lists of text.* found list<.*list<"),
    ({}, pa.list_(pa.date32()), "needs lists of text"),
]


@pytest.mark.parametrize(("options", "arrow_type", "rule"), COLUMNS)
def test_columns(options: dict[str, Any], arrow_type: pa.DataType, rule: str) -> None:
    feature = Multicategorical(**options)
    with pytest.raises(DataError, match=f"feature 'f': .*{rule}") if rule else nullcontext():
        assert feature.input_type("f", "f", arrow_type) == StringsInput(feature.separator)
    with pytest.raises(DataError, match=rule) if rule else nullcontext():
        feature.fitter("f", "f", arrow_type)


@pytest.mark.parametrize(("vocabulary", "dtype"), [(2**15 - 3, np.int16), (2**15 - 2, np.int32)])
def test_ids_have_the_narrowest_type(vocabulary: int, dtype: Any) -> None:
    feature = fitted(*(f"{entry:06}" for entry in range(vocabulary)))
    ((name, block),) = FittedMulticategorical.blocks([feature]).items()
    assert (name, block.dtype, block.ragged, block.shape, block.pad) == ("multicategorical.f", dtype, True, (), 0)
    last = feature.encode(pa.array([[f"{vocabulary - 1:06}"]]))
    assert last.values.dtype == dtype
    assert last.values.tolist() == [vocabulary + 1]


def test_no_inputs_of_trees_a_description_and_no_expectations() -> None:
    feature = fitted("a", "b")
    assert FittedMulticategorical.to_columns([feature], {}) is None
    assert feature.describe() == "lists of 2 values"
    assert Multicategorical().expectations("f", "object", []) == []


@pytest.mark.parametrize("separator", [None, "|"])
@pytest.mark.parametrize("vocabulary", [["a", "0", "NaN", " "], ["b"]])
def test_adversarial_values_agree(separator: str | None, vocabulary: list[str]) -> None:
    feature = fitted(*vocabulary, separator=separator)
    assert_agree(feature, feature.adversarial())
