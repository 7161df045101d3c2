"""Text features: `encode` and the graph's nodes agree, vocabularies are fitted, other columns are refused."""

import re
from contextlib import nullcontext
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mtl_core.errors import DataError
from mtl_core.features.text import FittedText, TextFeature
from mtl_core.features.token_codes import CODES, END_WORD
from mtl_core.graphs.builder import GraphBuilder
from mtl_core.ragged import TOKEN_CELLS
from mtl_core.text.input_type import TextInput
from mtl_core.text.tokenizer import max_item_counts, tokenizer
from tests.features.graphs import fit, run_nodes
from tests.strategies import layouts
from tests.text.strings import random_texts, texts

few = settings(deadline=None, max_examples=25)
"""For laws that create a session for every example."""
rows_of_texts = st.lists(st.none() | texts, max_size=5)


def fitted(*rows: str, name: str = "f", max_tokens: int = 1_000) -> FittedText:
    feature: FittedText = fit(TextFeature(min_count=1, max_tokens=max_tokens), [pa.array(rows)], "string", name=name)
    return feature


def assert_agree(feature: FittedText, values: pa.Array) -> NDArray[Any]:
    """(rows, L, CODES) equal codes, padded equally."""
    codes = feature.encode(values)
    (graph,) = run_nodes([feature], [values]).values()
    assert (graph.dtype, codes.values.dtype) == (np.int32, np.int32)
    np.testing.assert_array_equal(codes.padded(0), graph)
    return graph


@given(data=st.data(), train=st.lists(texts, max_size=4), max_tokens=st.sampled_from([1, 3, 1_000]))
@few
def test_encode_and_graph_agree(data: st.DataObject, train: list[str], max_tokens: int) -> None:
    feature = fitted("a", *train, max_tokens=max_tokens)
    rows = [*data.draw(rows_of_texts), *train]
    codes = assert_agree(feature, data.draw(layouts(rows or [None], pa.string())))
    assert codes.shape[1] <= max_tokens + 1


def test_encode_and_graph_agree_on_many_difficult_texts() -> None:
    rows = [*random_texts(1_000, seed=1), "ab " * 33_000, "x" * 100_000]
    assert_agree(fitted(*rows[::2]), pa.array(rows))


@given(rows=rows_of_texts, train=st.lists(texts, max_size=3))
@few
def test_a_text_alone_has_the_codes_that_it_has_in_any_batch(rows: list[str | None], train: list[str]) -> None:
    feature, column = fitted("a", *train), pa.array(rows, pa.string())
    alone = [feature.encode(column.slice(row, 1)).values for row in range(len(rows))]
    together = feature.encode(column)
    np.testing.assert_array_equal(together.values, np.concatenate([np.zeros((0, CODES), np.int32), *alone]))
    assert together.lengths.tolist() == [len(row) for row in alone]


COLUMNS: dict[str, pa.Array] = {
    "string": pa.array(["b a", None, ""]),
    "large_string": pa.array(["b a", None, ""], pa.large_string()),
    "string_view": pa.array(["b a", None, ""], pa.string_view()),
    "dictionary": pa.array(["b a", None, ""]).dictionary_encode(),
    "null in the dictionary": pa.DictionaryArray.from_arrays([0, 1, 2], pa.array(["b a", None, ""])),
}


@pytest.mark.parametrize("values", COLUMNS.values(), ids=COLUMNS)
def test_every_arrow_type_of_a_text(values: pa.Array) -> None:
    feature = fit(TextFeature(min_count=1), [values], values.type)
    assert feature.vocabulary.words == ("a", "b")
    assert assert_agree(feature, values)[:, :, 0].tolist() == [[4, 3, END_WORD], [END_WORD, 0, 0], [END_WORD, 0, 0]]


def test_a_column_of_nulls_and_one_without_rows() -> None:
    feature = fitted("a")
    assert assert_agree(feature, pa.nulls(2))[:, :, 0].tolist() == [[END_WORD], [END_WORD]]
    empty = feature.encode(pa.array([], pa.string()))
    assert (len(empty), empty.values.shape, empty.values.dtype) == (0, (0, CODES), np.int32)


def test_features_have_their_own_vocabulary_and_share_the_tokens_of_a_column() -> None:
    one, other = fitted("a b b", name="x"), fitted("b", name="y")
    column = pa.array(["b a c"])
    together = run_nodes([one, other], [column, column])
    assert list(together) == list(FittedText.blocks([one, other])) == ["text.x", "text.y"]
    for feature in (one, other):
        np.testing.assert_array_equal(together[feature.block], feature.encode(column).padded(0))
    assert together["text.x"][0, 0, 0] == together["text.y"][0, 0, 0] == 3
    assert tokenizers(one, other.model_copy(update={"column": "x"})) == tokenizers(one)
    assert tokenizers(one, other) == 2 * tokenizers(one)
    longer = other.model_copy(update={"column": "x", "max_tokens": 5})
    assert tokenizers(one, longer) == 2 * tokenizers(one)


def tokenizers(*features: FittedText) -> int:
    """Number of nodes that cut texts, and not tokens, in the graph of features."""
    graph = GraphBuilder()
    inputs = {column: graph.input(column, TextInput(5)) for column in {feature.column for feature in features}}
    FittedText.to_onnx(graph, features, inputs)
    return sum(node.op_type == "StringConcat" for node in graph.nodes)


def test_a_stored_feature_encodes_equally() -> None:
    rows = random_texts(200, seed=2)
    feature = fitted(*rows[:100])
    stored = FittedText.model_validate_json(feature.model_dump_json())
    assert stored == feature
    np.testing.assert_array_equal(stored.encode(pa.array(rows)).values, feature.encode(pa.array(rows)).values)


@pytest.mark.parametrize(
    ("rows", "min_count", "expected"),
    [
        (["a", "a"], 2, nullcontext()),
        (["a", "A"], 2, nullcontext()),
        (["a", "b"], 2, pytest.raises(DataError, match=r"no word of column 'f' occurs 2 times .* lower its min_count")),
        (["", None, "\u2403"], 1, pytest.raises(DataError, match="no word of column 'f' occurs 1 times")),
        ([], 1, pytest.raises(DataError, match="no word of column 'f' occurs 1 times")),
    ],
)
def test_a_vocabulary_has_a_word(rows: list[str | None], min_count: int, expected: Any) -> None:
    with expected:
        fit(TextFeature(min_count=min_count), [pa.array(rows, pa.string())], "string")


@pytest.mark.parametrize("arrow_type", [pa.int64(), pa.bool_(), pa.list_(pa.string()), pa.timestamp("s"), pa.binary()])
def test_a_column_without_text_is_refused(arrow_type: pa.DataType) -> None:
    message = f"feature 'f': a text feature needs a column of text, found {arrow_type} in column 'c'"
    with pytest.raises(DataError, match=re.escape(message)):
        TextFeature().fitter("f", "c", arrow_type)


@pytest.mark.parametrize("options", [{"min_count": 0}, {"max_tokens": 0}, {"max_tokens": 10_001}])
def test_options_out_of_bounds_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"min_count|max_tokens"):
        TextFeature(**options)  # type: ignore[arg-type]  # pydantic checks it


# The input of the graph


@given(rows=rows_of_texts, max_tokens=st.sampled_from([1, 3, 1_000]))
@few
def test_lengths_are_those_of_the_encoded_rows(rows: list[str | None], max_tokens: int) -> None:
    column, feature = pa.array(rows, pa.string()), fitted("a", max_tokens=max_tokens)
    assert feature.input_type.lengths(column).tolist() == feature.encode(column).lengths.tolist()


def test_cells_of_a_text_count_its_items_and_the_characters_that_are_cut_into_tokens() -> None:
    column = pa.array(["a b", None, "c " * 500, "d" * 1_000])
    lengths = TextInput(10).lengths(column)
    assert lengths.tolist() == [3, 1, 11, 2]
    assert TextInput(10).cells(column, lengths).tolist() == [3 * TOKEN_CELLS, TOKEN_CELLS, 1_001, 1_001]


def test_the_signature_and_the_values_of_requests() -> None:
    assert TextInput(7).signature() == {"type": "text", "max_tokens": 7}
    column = pa.array(["a b", None, ""])
    assert TextInput(7).json(column) == ["a b", None, None]
    assert TextInput(7).tensor(column).tolist() == ["a b", "", ""]


def test_adversarial_texts_have_what_tokenizers_confuse() -> None:
    column = TextInput(1_000).adversarial()
    tokens = tokenizer(1_000)(column)
    assert column.null_count == 1
    assert tokens.lengths.min() == 1
    assert tokens.lengths.max() == 1_001, "one is cut"
    assert max_item_counts(column).max() > 10_000
    assert np.sum(tokens.values == "\u2403") > len(column), "the end mark within a text"
    assert_agree(fitted("a"), column)
