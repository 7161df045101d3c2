"""Multi-categorical features: ids of lists in both forms, the mean of their embeddings, proposals of `mtl init`."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mtl_core.arrow import is_text
from mtl_core.config import Model
from mtl_core.errors import DataError
from mtl_core.features import ColumnFacts
from mtl_core.features.multicategorical import MAX_ITEMS, FittedMulticategorical, Multicategorical
from mtl_core.input_types import StringsInput
from mtl_core.nn.pooling import MeanEmbeddings
from tests.features.graphs import fit, run_nodes
from tests.strategies import integers, layouts, numbers, partitions, patient, texts

LISTS = pa.list_(pa.string())
few = settings(deadline=None, max_examples=25)
"""For laws that open a session for every example."""
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
    """The graph has the ids of `encode`, exactly and padded alike."""
    ids = encoded(feature, values)
    (graph,) = run_nodes([feature], [values]).values()
    assert graph.dtype == np.int32
    np.testing.assert_array_equal(ids, graph)
    assert ids.dtype == feature.dtype
    assert ids.min(initial=0) >= 0
    assert ids.max(initial=0) < feature.size
    return ids


# Ids, in both forms


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
def test_encode_and_graph_agree_on_items_that_are_no_text(items: pa.DataType, data: st.DataObject) -> None:
    of = {pa.int64(): integers, pa.float64(): numbers, pa.bool_(): st.sampled_from([True, False, None])}[items]
    rows = data.draw(st.lists(st.one_of(st.none(), st.lists(of, max_size=4)), min_size=1))
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


ROWS: list[tuple[str, list[Any], list[list[int]]]] = [
    ("one item", [["a"], ["b"]], [[2], [3]]),
    ("all rows empty", [[], None, []], [[0], [0], [0]]),
    ("only empty items", [[""], [None]], [[0], [0]]),
    ("unseen items", [["never", "a"], ["x" * 1_000_000]], [[1, 2], [1, 0]]),
    ("an item twice", [["a", "a"]], [[2, 2]]),
    ("blanks count in a list", [["a "], [" "]], [[1], [1]]),
    ("no row at all", [], np.zeros((0, 1)).tolist()),
]


@pytest.mark.parametrize(("rows", "ids"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_golden_ids_of_lists(rows: list[Any], ids: list[list[int]]) -> None:
    found = encoded(fitted("a", "b"), pa.array(rows, LISTS))
    assert found.tolist() == ids
    if rows:
        assert_agree(fitted("a", "b"), pa.array(rows, LISTS))


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
        (".", "a.b", [2, 3]),  # no pattern
        ("\t", "a\tb", [2, 3]),
    ],
)
def test_golden_ids_of_text(separator: str, text: str | None, ids: list[int]) -> None:
    feature = fitted("a", "b", separator=separator)
    assert assert_agree(feature, pa.array([text], pa.string())).tolist() == [ids]


def test_a_column_of_nulls_has_no_item() -> None:
    assert encoded(fitted("a", separator="|"), pa.nulls(2)).tolist() == [[0], [0]]
    with pytest.raises(DataError, match="no item of column 'f' occurs 5 times"):
        fit(Multicategorical(separator="|"), [pa.nulls(9)], pa.null())


@given(rows=st.lists(lists, min_size=1), data=st.data())
@patient
def test_a_row_alone_is_the_row_beside_longer_ones(rows: list[Any], data: st.DataObject) -> None:
    values = pa.array([*rows, ["a"] * 9], LISTS)
    feature = fit(Multicategorical(min_count=1), [values], LISTS)
    together, row = feature.encode(values), data.draw(st.integers(0, len(rows) - 1))
    alone = feature.encode(values.slice(row, 1))
    np.testing.assert_array_equal(alone.values, together.values[together.offsets[row] : together.offsets[row + 1]])


# Fitting


@given(rows=st.lists(lists), min_count=st.integers(1, 3), data=st.data())
@patient
def test_the_vocabulary_is_what_counting_gives(rows: list[Any], min_count: int, data: st.DataObject) -> None:
    rows = [*rows, ["a"] * 3]
    counts: dict[str, int] = {}
    for item in (item for row in rows if row for item in row if item):
        counts[item] = counts.get(item, 0) + 1
    cuts = [pa.array(rows, LISTS)[cut] for cut in data.draw(partitions(len(rows)))]
    feature = fit(Multicategorical(min_count=min_count), cuts, LISTS)
    assert feature.vocabulary == tuple(sorted(item for item, count in counts.items() if count >= min_count))
    assert FittedMulticategorical.model_validate_json(feature.model_dump_json()) == feature


def test_a_dictionary_counts_its_rows_not_its_entries() -> None:
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
    rule = r"feature 'f': a list may hold at most 1,000 items, found one of 1,001 in column 'f'; shorten it"
    with pytest.raises(DataError, match=rule):
        feature.encode(column(MAX_ITEMS + 1))
    with pytest.raises(DataError, match=rule):
        fit(Multicategorical(separator=separator), [column(MAX_ITEMS + 1)], column(1).type)


def test_a_long_list_of_a_row_that_is_left_out_does_no_harm() -> None:
    values = pa.array(["a", "a|" * MAX_ITEMS]).dictionary_encode().filter(pa.array([True, False]))
    assert len(values.dictionary) == 2
    assert encoded(fitted("a", separator="|"), values).tolist() == [[2]]


REFUSED: list[tuple[dict[str, Any], pa.DataType, str]] = [
    (
        {},
        pa.string(),
        r"needs a separator where its column is text, found none for column 'f'; add one",
    ),
    ({}, pa.null(), "needs a separator"),
    ({}, pa.dictionary(pa.int8(), pa.string()), "needs a separator"),
    ({"separator": "|"}, LISTS, r"a separator is for a column of text, found list<.*> in column 'f'; remove separator"),
    (
        {"separator": "|"},
        pa.int64(),
        r"needs a column of lists, or text with a separator, found int64 in column 'f'",
    ),
    ({}, pa.timestamp("us"), "needs a column of lists"),
    ({}, pa.list_(LISTS), r"needs lists of text, numbers or booleans, found list<.*list<.*"),
    ({}, pa.list_(pa.date32()), "needs lists of text"),
]
ACCEPTED: list[tuple[dict[str, Any], pa.DataType]] = [
    ({"separator": "|"}, pa.string()),
    ({"separator": "|"}, pa.dictionary(pa.int8(), pa.string())),
    ({"separator": "|"}, pa.null()),
    ({}, LISTS),
    ({}, pa.list_(pa.bool_(), 3)),
    ({}, pa.large_list(pa.int64())),
]


@pytest.mark.parametrize(("options", "arrow_type", "rule"), REFUSED)
def test_a_column_that_it_cannot_read_is_refused(options: dict[str, Any], arrow_type: pa.DataType, rule: str) -> None:
    with pytest.raises(DataError, match="feature 'f': .*" + rule):
        Multicategorical(**options).input_type("f", "f", arrow_type)
    with pytest.raises(DataError, match=rule):
        Multicategorical(**options).fitter("f", "f", arrow_type)


@pytest.mark.parametrize(("options", "arrow_type"), ACCEPTED)
def test_a_column_that_it_can_read(options: dict[str, Any], arrow_type: pa.DataType) -> None:
    found = Multicategorical(**options).input_type("f", "f", arrow_type)
    assert found == StringsInput(options.get("separator"))
    assert found.is_string


@pytest.mark.parametrize(("vocabulary", "dtype"), [(2**15 - 3, np.int16), (2**15 - 2, np.int32)])
def test_ids_are_as_narrow_as_they_can_be(vocabulary: int, dtype: Any) -> None:
    feature = fitted(*(f"{number:06}" for number in range(vocabulary)))
    ((name, block),) = FittedMulticategorical.blocks([feature]).items()
    assert (name, block.dtype, block.ragged, block.shape, block.pad) == ("multicategorical.f", dtype, True, (), 0)
    last = feature.encode(pa.array([[f"{vocabulary - 1:06}"]]))
    assert last.values.dtype == dtype
    assert last.values.tolist() == [vocabulary + 1]


# The network


def module(*features: FittedMulticategorical, embedding: int = 4) -> MeanEmbeddings:
    torch.manual_seed(0)
    found = FittedMulticategorical.module(features, Model(embedding=embedding))
    assert isinstance(found, MeanEmbeddings)
    return found


def test_golden_mean() -> None:
    network = module(fitted("a", "b"))
    (table,) = network.tables
    ids = torch.tensor([[2, 3, 0], [0, 2, 0], [0, 0, 0], [3, 3, 1]], dtype=torch.int16)
    with torch.no_grad():
        (row,), sequences = network({"multicategorical.f": ids})
    expected = [(table[2] + table[3]) / 2, table[2], table[0], (2 * table[3] + table[1]) / 3]
    torch.testing.assert_close(row, torch.stack(expected))
    items, mask, start = sequences["f"]
    assert items.shape == (4, 3, 4)
    assert mask.tolist() == (ids != 0).tolist()
    assert start == 0
    torch.testing.assert_close(items[mask], table[ids[mask].int()])


def test_features_lie_side_by_side_each_with_its_table() -> None:
    network = module(fitted("a", name="x"), fitted("a", "b", "c", name="items.y"))
    blocks = {"multicategorical.x": torch.tensor([[2]]), "multicategorical.items.y": torch.tensor([[2, 4]])}
    row, sequences = network(blocks)
    assert network.width == sum(part.shape[1] for part in row) == 8
    assert {name: found.start for name, found in sequences.items()} == {"x": 0, "items.y": 4}
    assert [len(table) for table in network.tables] == [3, 5]


def test_the_row_of_no_item_is_learned_and_padding_is_not() -> None:
    network = module(fitted("a"))
    (table,) = network.tables
    (row,), _ = network({"multicategorical.f": torch.tensor([[2, 0], [2, 2]])})
    row.sum().backward()
    assert table.grad is not None
    assert (table.grad[0] == 0).all()
    (row,), _ = network({"multicategorical.f": torch.tensor([[2, 0], [0, 0]])})
    row.sum().backward()
    assert (table.grad[0] == 1).all()


@given(rows=st.lists(st.lists(st.integers(0, 6), max_size=6), min_size=1), longer=st.integers(1, 40))
@patient
def test_a_row_s_mean_is_the_same_beside_longer_rows(rows: list[list[int]], longer: int) -> None:
    network = module(fitted(*"abcde"), embedding=5)
    whole = torch.zeros(len(rows), max(map(len, rows), default=0) + longer, dtype=torch.int16)
    for place, row in enumerate(rows):
        whole[place, : len(row)] = torch.tensor(row)
    with torch.no_grad():
        (trained,), _ = network.train()({"multicategorical.f": whole})
        (together,), _ = network.eval()({"multicategorical.f": whole})
        torch.testing.assert_close(trained, together)
        for place, row in enumerate(rows):
            (alone,), _ = network({"multicategorical.f": torch.tensor([row or [0]], dtype=torch.int16)})
            torch.testing.assert_close(alone[0], together[place], rtol=0, atol=1e-6)


# What `mtl init` proposes, and what a suite expects


def facts(values: pa.Array) -> ColumnFacts:
    scalars = values.drop_null().to_pylist() if is_text(values.type) else []
    common = sorted(((value, scalars.count(value)) for value in set(scalars)), key=lambda pair: -pair[1])[:20]
    return ColumnFacts(
        name="f",
        type=values.type,
        rows=len(values),
        known=len(values) - values.null_count,
        distinct=len(set(scalars)),
        common=tuple(common),
        whole=False,
        sequence=False,
        values=values.drop_null(),
    )


GENRES = ["Action", "Comedy", "Drama", "Horror", "Sci-Fi", "Thriller", "Western"]


def draw(words: list[str], separator: str, *, ordered: bool = True, rows: int = 300) -> pa.Array:
    generator = np.random.default_rng(0)
    chosen = [generator.choice(words, generator.integers(1, 5), replace=False).tolist() for _ in range(rows)]
    return pa.array([separator.join(sorted(row) if ordered else row) for row in chosen])


def cities(rows: int = 300) -> pa.Array:
    generator, towns = np.random.default_rng(0), ["Aachen, Germany", "Lyon, France", "Springfield, IL, USA"]
    return pa.array([towns[place] for place in generator.integers(0, 3, rows)])


@pytest.mark.parametrize(
    ("values", "separator"),
    [
        pytest.param(draw(GENRES, "|"), "|", id="genres"),
        pytest.param(draw(GENRES, ", "), ",", id="genres with commas"),
        pytest.param(draw(GENRES, ";", ordered=False), ";", id="in no order"),
        pytest.param(draw(["Rock, hard", "Jazz, free", "Folk", "Pop"], "|"), "|", id="commas within items"),
        pytest.param(draw(GENRES, "|").dictionary_encode().dictionary_decode(), "|", id="decoded"),
        pytest.param(cities(), None, id="places"),
        pytest.param(pa.array([f"{number} Main St, Town {number % 7}" for number in range(300)]), None, id="addresses"),
        pytest.param(pa.array([f"Smith, J{number}" for number in range(300)]), None, id="names"),
        pytest.param(pa.array(["Smith, Ann", "Smith, Bob", "Jones, Ann"] * 100), None, id="records"),
        pytest.param(pa.array(["1,234", "12,500", "1,250,000"] * 100), None, id="amounts"),
        pytest.param(
            pa.array([f"It was {word}, and then, in {word}, we left" for word in map(str, range(300))]), None, id="text"
        ),
        pytest.param(draw(["x" * 41, "y" * 41, "z" * 41, "w" * 41], "|"), None, id="long items"),
        pytest.param(pa.array(["red", "green", "blue"] * 100), None, id="no separator"),
        pytest.param(pa.array([*["red"] * 200, *["red|green"] * 99]), None, id="few that are split"),
        pytest.param(pa.array(["", " "] * 100), None, id="blank"),
    ],
)
def test_text_is_proposed_where_it_is_clearly_a_list(values: pa.Array, separator: str | None) -> None:
    found = Multicategorical.propose(facts(values))
    if separator is None:
        assert found is None
        return
    assert found is not None
    assert found.options == {"kind": "multicategorical", "separator": separator}
    assert found.warning


@pytest.mark.parametrize(
    ("values", "options", "noted"),
    [
        pytest.param(pa.array([["a"], [], ["b", "a"]] * 5), {"kind": "multicategorical"}, False, id="strings"),
        pytest.param(pa.array([["a"], [None], [""]] * 9, LISTS), {}, True, id="an item nine times"),
        pytest.param(pa.array([[f"{row}"] for row in range(99)]), {}, True, id="none repeats"),
    ],
)
def test_lists_of_strings_are_proposed(values: pa.Array, options: dict[str, Any], noted: bool) -> None:
    found = Multicategorical.propose(facts(values))
    assert found is not None
    assert found.options == options
    assert bool(found.note) == noted
    assert not found.warning


@pytest.mark.parametrize("values", [pa.array([[1, 2]] * 9), pa.array([1, 2]), pa.array([True]), pa.nulls(3)], ids=str)
def test_other_columns_are_not_proposed(values: pa.Array) -> None:
    assert Multicategorical.propose(facts(values)) is None


def test_trees_see_nothing_of_it_and_a_report_a_little() -> None:
    feature = fitted("a", "b")
    assert FittedMulticategorical.to_columns([feature], {}) is None
    assert feature.describe() == "lists of 2 values"
    assert Multicategorical().expectations("f", "object", []) == []


@pytest.mark.parametrize("separator", [None, "|"])
@pytest.mark.parametrize("wide", [True, False])
def test_adversarial_values_agree(separator: str | None, wide: bool) -> None:
    feature = fitted(*(["a", "0", "NaN", " "] if wide else ["b"]), separator=separator)
    assert_agree(feature, feature.adversarial())
