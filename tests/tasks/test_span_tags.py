"""Spans of texts as tags of tokens, and back."""

import itertools
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mtl_core.errors import DataError
from mtl_core.tasks.span_labels import label_counts, span_tags
from mtl_core.text.input_type import TextInput
from mtl_core.text.tags import Span, tag_count, tags_of
from mtl_core.text.tokenizer import token_offsets, tokenizer
from tests.tagging import SPANS, spans_of

LABELS = {"a": 0, "b": 1, "c": 2}
WORDS = ["red", "é", "e\u0301té", "\U0001f680", "שלום", "3", "京", "?", "STRASSE"]


@st.composite
def tokens_and_runs(draw: st.DrawFn) -> tuple[NDArray[np.int64], list[tuple[int, int, int]]]:
    """Offsets of tokens with and without gaps, and runs of tokens: first, stop, label; neighbours may touch."""
    lengths = draw(st.lists(st.integers(1, 4), min_size=1, max_size=12))
    gaps = [draw(st.integers(0, 2)) for _ in lengths]
    ends = np.cumsum(np.array(lengths) + gaps)
    borders = sorted(draw(st.sets(st.integers(0, len(lengths)))))
    runs = [
        (first, stop, draw(st.integers(0, 2))) for first, stop in itertools.pairwise(borders) if draw(st.booleans())
    ]
    return np.stack([ends - lengths, ends], axis=1), runs


def on_borders(offsets: NDArray[np.int64], runs: list[tuple[int, int, int]]) -> list[Span]:
    return [Span(int(offsets[first, 0]), int(offsets[stop - 1, 1]), label) for first, stop, label in runs]


@given(tokens_and_runs(), st.randoms())
def test_spans_on_token_borders_come_back_in_order(
    drawn: tuple[NDArray[np.int64], list[tuple[int, int, int]]], random: Any
) -> None:
    offsets, runs = drawn
    spans = on_borders(offsets, runs)
    shuffled = random.sample(spans, len(spans))
    tags = tags_of(offsets, shuffled)
    assert spans_of(offsets, tags) == spans
    assert tags.max(initial=0) < tag_count(3)


@given(tokens_and_runs(), st.data())
def test_a_border_within_a_token_is_moved_to_that_of_the_token(
    drawn: tuple[NDArray[np.int64], list[tuple[int, int, int]]], data: st.DataObject
) -> None:
    offsets, runs = drawn
    spans = on_borders(offsets, runs)
    within = []
    for span, (first, stop, _) in zip(spans, runs, strict=True):
        start = data.draw(st.integers(span.start, int(offsets[first, 1]) - 1))
        low = max(start, int(offsets[stop - 1, 0])) + 1
        within.append(span._replace(start=start, end=data.draw(st.integers(low, span.end))))
    assert spans_of(offsets, tags_of(offsets, within)) == spans


@pytest.mark.parametrize(
    ("spans", "tags"),
    [
        ([], [0, 0, 0]),
        ([Span(0, 1, 0), Span(2, 3, 1)], [1, 0, 0]),  # the first of two spans on a token
        ([Span(2, 3, 1), Span(0, 1, 0)], [1, 0, 0]),
        ([Span(0, 6, 0), Span(6, 9, 1)], [1, 2, 3]),  # the second one keeps its other token
        ([Span(3, 4, 0)], [0, 0, 0]),  # only the blank between two tokens
        ([Span(3, 5, 0)], [0, 1, 0]),
        ([Span(0, 9, 2)], [5, 6, 6]),
        ([Span(8, 30, 2)], [0, 0, 5]),  # the rest of a text was cut off
        ([Span(20, 30, 2)], [0, 0, 0]),
    ],
)
def test_a_token_has_the_tag_of_the_first_span_that_shares_a_character(spans: list[Span], tags: list[int]) -> None:
    offsets = np.array([[0, 3], [4, 7], [8, 9]])
    assert tags_of(offsets, spans).tolist() == tags


def test_a_text_without_tokens_has_no_tags() -> None:
    offsets = np.zeros((0, 2), dtype=np.int64)
    assert tags_of(offsets, [Span(0, 1, 0)]).tolist() == []
    assert spans_of(offsets, np.zeros(0, np.int16)) == []


def tags(texts: list[Any], spans: list[Any], arrow_type: pa.DataType = SPANS, max_tokens: int = 100) -> list[Any]:
    ragged = span_tags(
        "t", "y", LABELS.__getitem__, pa.array(spans, arrow_type), pa.array(texts, pa.string()), TextInput(max_tokens)
    )
    assert ragged.values.dtype == np.int16
    return [ragged.take(np.array([row])).values.tolist() for row in range(len(ragged))]


def span(start: Any, end: Any, label: Any = "a") -> dict[str, Any]:
    return {"start": start, "end": end, "label": label}


@settings(deadline=None)  # the first example builds the tokenizer
@given(st.lists(st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(["", "a", "b", "c"])), max_size=6)))
def test_spans_of_words_in_any_script_come_back(rows: list[list[tuple[str, str]]]) -> None:
    texts, declared = [], []
    for words in rows:
        text, spans = "", []
        for word, label in words:
            text += " "
            if label:
                spans.append(span(len(text), len(text) + len(word), label))
            text += word
        texts.append(text)
        declared.append(spans)
    tokens = tokenizer(100)(pa.array(texts, pa.string()))
    for row, (text, spans, of_row) in enumerate(zip(texts, declared, tags(texts, declared), strict=True)):
        words = tokens.take(np.array([row])).values.tolist()[:-1]
        decoded = spans_of(token_offsets(text, words), np.array(of_row, np.int16))
        assert decoded == [Span(s["start"], s["end"], LABELS[s["label"]]) for s in spans]


def test_rows_without_a_list_are_unlabelled_and_rows_without_a_span_are_outside() -> None:
    assert tags(["a b", "a b", "", None, None], [None, [], [], [], None]) == [[-1, -1], [0, 0], [], [], []]
    assert tags([], []) == []


def test_tags_of_tokens_that_are_cut_off_are_left_out() -> None:
    assert tags(["a b c d"], [[span(2, 5), span(6, 7)]], max_tokens=2) == [[0, 1]]


@pytest.mark.parametrize(
    "arrow_type",
    [
        pa.list_(pa.struct({"label": pa.string(), "end": pa.int32(), "start": pa.uint8()})),
        pa.large_list(pa.struct({"start": pa.int64(), "end": pa.int64(), "label": pa.large_string()})),
        pa.list_(pa.struct({"start": pa.int64(), "text": pa.string(), "end": pa.int64(), "label": pa.string()})),
        pa.list_(pa.struct({**{x: pa.int64() for x in ("start", "end")}, "label": pa.dictionary("int8", "string")})),
    ],
    ids=["small integers", "large lists", "an extra field", "dictionary"],
)
def test_lists_of_other_types_with_these_fields_are_read(arrow_type: pa.DataType) -> None:
    spans = [[span(0, 1), span(2, 3, "b")], None]
    assert tags(["x y", "x"], spans, arrow_type) == [[1, 3], [-1]]
    assert label_counts("t", "y", pa.array(spans, arrow_type)) == {"a": 1, "b": 1}


@pytest.mark.parametrize(
    "arrow_type",
    [
        pa.list_(pa.string()),
        pa.list_(pa.struct({"start": pa.int64(), "end": pa.int64()})),
        pa.list_(pa.struct({"start": pa.float64(), "end": pa.int64(), "label": pa.string()})),
        pa.list_(pa.struct({"start": pa.int64(), "end": pa.string(), "label": pa.string()})),
        pa.list_(pa.struct({"start": pa.int64(), "end": pa.int64(), "label": pa.int64()})),
    ],
    ids=["text", "no label", "start is a float", "end is text", "label is a number"],
)
def test_lists_of_anything_else_are_refused(arrow_type: pa.DataType) -> None:
    rule = "task 't': a tagging target must be lists of {start, end, label}, whole numbers and a text, found "
    with pytest.raises(DataError, match=rule):
        tags(["x"], [[]], arrow_type)
    with pytest.raises(DataError, match=rule):
        label_counts("t", "y", pa.array([[]], arrow_type))


@pytest.mark.parametrize(
    ("spans", "error"),
    [
        ([span(1, 1)], "0 <= start < end, found 1 to 1"),
        ([span(2, 1)], "0 <= start < end, found 2 to 1"),
        ([span(-1, 1)], "0 <= start < end, found -1 to 1"),
        ([span(0, 5)], "within the 4 characters of its text, found 0 to 5"),
        ([span(0, 2), span(1, 3)], "overlap, found one from 1 to 3 after one that ends at 2"),
        ([span(1, 3), span(0, 2)], "overlap, found one from 1 to 3 after one that ends at 2"),
        ([span(0, 2), span(0, 2)], "overlap, found one from 0 to 2 after one that ends at 2"),
        ([None], "must have start, end, label, found None"),
        ([span(0, 1), span(None, 3)], "must have start, end, label, found"),
        ([span(0, None)], "must have start, end, label, found"),
        ([span(0, 1, None)], "must have start, end, label, found"),
        ([span(0, 1, "")], "must have start, end, label, found"),
    ],
)
def test_a_span_that_breaks_a_rule_is_refused_with_its_text(spans: list[Any], error: str) -> None:
    with pytest.raises(DataError, match=rf"task 't': .*{error}.*, in 'y' of 'a \U0001f680b'; repair the row"):
        tags(["x", "a \U0001f680b"], [[span(0, 1)], spans])


def test_a_null_text_has_no_place_for_a_span() -> None:
    with pytest.raises(DataError, match="within the 0 characters"):
        tags([None], [[span(0, 1)]])


def test_spans_may_touch_and_reach_to_both_ends() -> None:
    assert tags(["a?\U0001f680"], [[span(0, 1), span(1, 2, "b"), span(2, 3, "c")]]) == [[1, 3, 5]]


def test_labels_are_counted_without_null_and_empty_ones() -> None:
    spans = [[span(0, 1, "b"), span(1, 2, "b")], None, [], [span(0, 1, None), span(0, 1, ""), None, span(2, 3, "é")]]
    assert label_counts("t", "y", pa.array(spans, SPANS)) == {"b": 2, "é": 1}
