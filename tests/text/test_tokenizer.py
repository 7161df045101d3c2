"""Tokens of texts: classes of characters, offsets, the maximum, and independence of other texts."""

import unicodedata

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtl_core.ragged import Ragged
from mtl_core.text import tokenizer as module
from mtl_core.text.tokenizer import END, Tokenizer, max_item_counts, token_offsets, tokenizer
from tests.strategies import layouts, patient
from tests.text.strings import PARTS, random_texts, reference_tokens, texts

MANY = 10_000
"""More tokens than the texts of these tests have."""


def rows_of(tokens: Ragged) -> list[list[str]]:
    """The tokens of each row."""
    ends = zip(tokens.offsets[:-1], tokens.offsets[1:], strict=True)
    return [tokens.values[start:end].tolist() for start, end in ends]


def cut(*rows: str | None, max_tokens: int = MANY) -> list[list[str]]:
    return rows_of(tokenizer(max_tokens)(pa.array(rows, pa.string())))


GOLDEN: dict[str, tuple[str, list[str]]] = {
    "words and signs": ("Don't pay $3.50!", ["Don", "'", "t", "pay", "$", "3", ".", "50", "!"]),
    "letters and digits": ("A320neo at 5pm", ["A320neo", "at", "5pm"]),
    "a combining mark": ("cafe\u0301 \u0301x", ["cafe\u0301", "\u0301x"]),
    "ideographs": ("\u5317\u4eac2024\u5e74", ["\u5317", "\u4eac", "2024", "\u5e74"]),
    "kana": ("\u3042\u30a2", ["\u3042", "\u30a2"]),
    "Hangul": ("\ud55c\uad6d \uc0ac\ub78c", ["\ud55c\uad6d", "\uc0ac\ub78c"]),
    "Arabic with vowels": ("\u0645\u064e\u0631 \u0661", ["\u0645\u064e\u0631", "\u0661"]),
    "joined emoji": ("\U0001f469\u200d\U0001f680", ["\U0001f469", "\U0001f680"]),
    "an emoji with a selector": ("\u2764\ufe0f", ["\u2764", "\ufe0f"]),
    "control characters": ("a\x00b\x07c\u202ed\xade", ["a", "b", "c", "d", "e"]),
    "blanks of all kinds": (" a\u3000b\u2028c\xa0\r\n\x0b", ["a", "b", "c"]),
    "the end mark": ("a\u2403b \u2403", ["a", END, "b", END]),
    "an unassigned character": ("a\U0003fffdb", ["a", "\U0003fffd", "b"]),
    "nothing": ("", []),
    "only blanks": (" \t\x00\u200d", []),
}


@pytest.mark.parametrize(("text", "tokens"), GOLDEN.values(), ids=GOLDEN)
def test_golden_tokens(text: str, tokens: list[str]) -> None:
    assert cut(text) == [[*tokens, END]]


def check(rows: list[str], tokens: Ragged) -> None:
    """Tokens are those of the reference, in order, and between them is no visible character."""
    for text, row in zip(rows, rows_of(tokens), strict=True):
        assert row == [*reference_tokens(text), END]
        end = 0
        for (start, stop), token in zip(token_offsets(text, row[:-1]).tolist(), row, strict=False):
            assert start >= end
            assert text[start:stop] == token
            assert all(map(is_blank, text[end:start]))
            end = stop
        assert all(map(is_blank, text[end:]))


def is_blank(character: str) -> bool:
    """True for separators, control and format characters, surrogates and private ones."""
    return unicodedata.category(character)[0] in "ZC"


def test_tokens_of_many_difficult_texts() -> None:
    rows = random_texts(10_000)
    assert set("".join(PARTS)) <= set("".join(rows))
    check(rows, tokenizer(MANY)(pa.array(rows)))


@given(st.lists(texts, max_size=4))
@patient
def test_tokens_of_any_texts(rows: list[str]) -> None:
    check(rows, tokenizer(MANY)(pa.array(rows, pa.string())))


def test_every_class_of_characters() -> None:
    """A character of each class of Unicode, alone and between letters."""
    of_class = {unicodedata.category(chr(code)): chr(code) for code in range(0xD7FF)}
    of_class |= {"Co": "\ue000", "No": "\u00bd"}
    assert len(of_class) == 29, "all but surrogates, which no text in UTF-8 has"
    alone, between = cut(*of_class.values()), cut(*(f"a{character}b" for character in of_class.values()))
    for (category, character), of_alone, of_between in zip(of_class.items(), alone, between, strict=True):
        if category[0] in "LMN":
            expected = [character], [f"a{character}b"]
        elif category[0] in "PS" or category == "Cn":
            expected = [character], ["a", character, "b"]
        else:
            expected = [], ["a", "b"]
        assert (of_alone, of_between) == ([*expected[0], END], [*expected[1], END])


@given(data=st.data(), rows=st.lists(st.none() | texts, min_size=1, max_size=6))
@patient
def test_a_text_alone_has_the_tokens_that_it_has_in_any_batch(data: st.DataObject, rows: list[str | None]) -> None:
    together = rows_of(tokenizer(MANY)(data.draw(layouts(rows, pa.string()))))
    assert together == [row for text in rows for row in cut(text)]


def test_groups_of_similar_lengths_keep_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = ["a b c", "", "x" * 50, "d", "e f " * 9, "g"]
    expected = cut(*rows)
    monkeypatch.setattr(module, "MAX_CHARACTERS", 8)
    assert cut(*rows) == expected


@given(row=texts, others=st.lists(texts, max_size=2), max_tokens=st.integers(1, 4))
@patient
def test_at_most_the_maximum_of_tokens_stays_before_the_end_mark(row: str, others: list[str], max_tokens: int) -> None:
    assert cut(row, *others, max_tokens=max_tokens)[0] == [*reference_tokens(row)[:max_tokens], END]


COLUMNS: dict[str, pa.Array] = {
    "large strings": pa.array(["a b", None, ""], pa.large_string()),
    "views": pa.array(["a b", None, ""], pa.string_view()),
    "a dictionary": pa.array(["a b", None, ""]).dictionary_encode(),
    "a null in the dictionary": pa.DictionaryArray.from_arrays([0, 1, 2], pa.array(["a b", None, ""])),
    "a slice": pa.array(["x", "a b", None, ""]).slice(1),
}


@pytest.mark.parametrize("column", COLUMNS.values(), ids=COLUMNS)
def test_every_type_of_column(column: pa.Array) -> None:
    assert rows_of(tokenizer(MANY)(column)) == [["a", "b", END], [END], [END]]


def test_columns_without_a_text_or_a_row() -> None:
    assert rows_of(tokenizer(MANY)(pa.nulls(2))) == [[END], [END]]
    empty = tokenizer(MANY)(pa.array([], pa.string()))
    assert (len(empty), empty.values.shape, empty.values.dtype) == (0, (0,), np.object_)


LONG = {
    "words": "ab " * 33_000,
    "a word": "a" * 100_000,
    "marks": "a" + "\u0301" * 50_000,
    "signs": "!" * 100_000,
    "ideographs": "\u5317" * 33_000,
    "blanks": " \x00" * 50_000,
}


@pytest.mark.parametrize("text", LONG.values(), ids=LONG)
def test_long_texts(text: str) -> None:
    short = ["a b"] * 50
    long_row, *rows = cut(text, *short, max_tokens=1_000)
    assert long_row == [*reference_tokens(text)[:1_000], END]
    assert rows == [["a", "b", END]] * 50


def test_a_long_text_does_not_pad_the_short_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells that a call of the graph pads: rows times the longest text."""
    calls: list[int] = []

    class Counted(Tokenizer):
        def __init__(self) -> None:
            super().__init__(10)
            session = self._session

            class Session:
                def run(self, names: None, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
                    calls.append(len(inputs["text"]) * max(map(len, inputs["text"].tolist())))
                    return session.run(names, inputs)  # type: ignore[no-any-return]

            self._session = Session()

    tokens = Counted()(pa.array(["short text"] * 3_000 + ["! " * 50_000] + ["short text"] * 3_000))
    assert tokens.lengths.max() == 11
    assert sum(calls) < 2 * (6_000 * 10 + 100_000)


@given(rows=st.lists(st.none() | texts, max_size=5))
@patient
def test_a_text_has_at_most_its_characters_and_the_end_mark_as_tokens(rows: list[str | None]) -> None:
    column = pa.array(rows, pa.string())
    assert (tokenizer(MANY)(column).lengths <= max_item_counts(column)).all()
    assert max_item_counts(column).tolist() == [len(row or "") + 1 for row in rows]


def test_a_repeated_token_is_searched_after_the_token_before() -> None:
    text = "\U0001f600a a\u0301 aa a"
    tokens = ["\U0001f600", "a", "a\u0301", "aa", "a"]
    assert token_offsets(text, tokens).tolist() == [[0, 1], [1, 2], [3, 5], [6, 8], [9, 10]]
    assert token_offsets("", []).shape == (0, 2)
