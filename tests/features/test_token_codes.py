"""Vocabularies of tokens: words and their forms, affixes, shapes, minimum counts, golden codes."""

import re
import unicodedata
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtl_core.features import token_codes as module
from mtl_core.features.text import FittedText
from mtl_core.features.token_codes import (
    AFFIXES,
    CODES,
    END_WORD,
    FIRST_WORD,
    UNSEEN,
    TokenVocabulary,
    VocabularyFitter,
)
from tests.strategies import partitions, patient
from tests.text.strings import reference_tokens, texts

MAX_TOKENS = 1_000


def vocabulary(*rows: str | None, min_count: int = 1) -> TokenVocabulary:
    fitter = VocabularyFitter(MAX_TOKENS)
    fitter.update(pa.array(rows, pa.string()))
    return fitter.finish(min_count)


def codes(of: TokenVocabulary, text: str) -> list[list[int]]:
    """The codes of the tokens and the end mark."""
    feature = FittedText(name="f", column="f", max_tokens=MAX_TOKENS, vocabulary=of)
    rows: list[list[int]] = feature.encode(pa.array([text])).values.tolist()
    return rows


def words(of: TokenVocabulary, text: str) -> list[str | None]:
    """The words of the tokens; None for the unseen one."""
    ids = [row[0] for row in codes(of, text)[:-1]]
    return [None if word == UNSEEN else of.words[word - FIRST_WORD] for word in ids]


# Words


def test_golden_codes() -> None:
    of = vocabulary("to Rome", "to Paris")
    assert of.words == ("to", "paris", "rome")
    assert of.affixes == (("pa", "ro", "to"), ("par", "rom", "to"), ("is", "me", "to"), ("ome", "ris", "to"))
    assert of.sizes == (6, 33), "an id for no part, four kinds of affix of 4 ids, 16 shapes"
    # Ids of affixes start at 1, 5, 9, 13 with that of any other affix; those of shapes at 17.
    assert codes(of, "to Rome") == [[3, 4, 8, 12, 16, 17], [5, 3, 7, 11, 14, 18], [END_WORD, 0, 0, 0, 0, 0]]
    assert codes(of, "PARIS prome 7 !")[:-1] == [
        [4, 2, 6, 10, 15, 20],
        [UNSEEN, 1, 5, 11, 14, 17],
        [UNSEEN, 1, 5, 9, 13, 21],
        [UNSEEN, 1, 5, 9, 13, 25],
    ]


def test_a_word_is_known_in_all_its_forms_of_case() -> None:
    of = vocabulary("iPhone news McDonald")
    assert of.forms == {"McDonald": "mcdonald", "iPhone": "iphone"}
    text = "iPhone IPHONE Iphone iphone iPHONE NEWS News McDonald MCDONALD mcDonald"
    assert words(of, text) == ["iphone"] * 4 + [None, "news", "news", "mcdonald", "mcdonald", None]


UNUSUAL = {
    "\u00df": "stra\u00dfe STRASSE Stra\u00dfe STRA\u1e9eE",
    "a dotted capital": "\u0130stanbul istanbul ISTANBUL",
    "a ligature": "\ufb01x FIX fix",
    "an apostrophe in the letter": "\u0149a \u02bcNA \u02bcna",
    "digraphs": "\u01c6ez \u01c5ez \u01c4EZ",
    "a final sigma": "\u03c3\u03b1\u03c2 \u03a3\u0391\u03a3 \u03c3\u03b1\u03c3",
    "the sign of kelvin": "\u212a k K",
    "iota below": "\u1f80 \u1f88 \u1f08\u0399",
}


@pytest.mark.parametrize("text", UNUSUAL.values(), ids=UNUSUAL)
def test_unusual_mappings_of_case(text: str) -> None:
    """Every token of the training split is known, and a token in lower case is its own word."""
    assert_known(vocabulary(text), text)


@given(st.lists(texts, max_size=4))
@patient
def test_every_token_of_the_training_split_is_known(rows: list[str]) -> None:
    of = vocabulary(*rows)
    assert all(word == word.lower() for word in of.words)
    for text in rows:
        assert_known(of, text)


def assert_known(of: TokenVocabulary, text: str) -> None:
    for token, word in zip(reference_tokens(text), words_or_end(of, text), strict=True):
        assert word is not None
        if token == token.lower() or token == module.END:
            assert word == token


def words_or_end(of: TokenVocabulary, text: str) -> list[str | None]:
    """As `words`, with the end mark where a text has one."""
    known = {END_WORD: module.END, UNSEEN: None} | dict(enumerate(of.words, FIRST_WORD))
    return [known[row[0]] for row in codes(of, text)[:-1]]


def test_the_most_frequent_words_come_first_and_no_more_than_the_maximum(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = ("c b a", "C b", "B x y")
    assert vocabulary(*rows).words == ("b", "c", "a", "x", "y")
    assert vocabulary(*rows, min_count=2).words == ("b", "c")
    assert vocabulary(*rows, min_count=3).words == ("b",)
    assert vocabulary(*rows, min_count=4).words == ()
    monkeypatch.setattr(module, "MAX_WORDS", 2)
    limited = vocabulary(*rows, "XyZ")
    assert (limited.words, limited.forms) == (("b", "c"), {})


def test_counts_add_up_over_forms_and_words_with_an_affix() -> None:
    of = vocabulary("Station station STATE", "stay", min_count=2)
    assert of.words == ("station",)
    assert of.affixes == (("st",), ("sta",), ("on",), ("ion",))


def test_the_end_mark_in_a_text_is_no_word() -> None:
    of = vocabulary("a \u2403 \u2403 b")
    assert of.words == ("a", "b")
    assert [row[0] for row in codes(of, "a \u2403 b")] == [FIRST_WORD, END_WORD, FIRST_WORD + 1, END_WORD]


@given(data=st.data(), rows=st.lists(st.none() | texts, max_size=8), min_count=st.integers(1, 3))
@patient
def test_part_by_part_equals_at_once(data: st.DataObject, rows: list[str | None], min_count: int) -> None:
    column, fitter = pa.array(rows, pa.string()), VocabularyFitter(MAX_TOKENS)
    for part in data.draw(partitions(len(rows))):
        fitter.update(column[part])
    assert fitter.finish(min_count) == vocabulary(*rows, min_count=min_count)


def test_tokens_behind_the_maximum_do_not_count() -> None:
    fitter = VocabularyFitter(2)
    fitter.update(pa.array(["a b c"]))
    assert fitter.finish(1).words == ("a", "b")


# Affixes and shapes


@given(rows=st.lists(texts, min_size=1, max_size=3), unseen=texts)
@patient
def test_affixes_are_slices_of_code_points(rows: list[str], unseen: str) -> None:
    """Ids of the first and last two and three characters, in lower case, capitalised or in capitals."""
    of = vocabulary(*rows)
    slices: list[Any] = [np.s_[:2], np.s_[:3], np.s_[-2:], np.s_[-3:]]
    for token, row in zip(reference_tokens(unseen), codes(of, unseen), strict=False):
        for index, (part, code) in enumerate(zip(slices, row[1:], strict=False)):
            ids, other = of.affix_ids(index)
            assert code == (0 if token == module.END else ids.get(token[part], other))


@given(st.lists(texts, min_size=1, max_size=3))
@patient
def test_every_affix_has_its_own_id(rows: list[str]) -> None:
    of = vocabulary(*rows)
    ids = [(index, affix) for index in range(len(AFFIXES)) for affix in of.affixes[index]]
    numbers = [of.affix_ids(index)[0][affix] for index, affix in ids]
    others = [of.affix_ids(index)[1] for index in range(len(AFFIXES))]
    assert sorted([*numbers, *others]) == list(range(1, of.first_shape))
    assert of.sizes.parts == of.first_shape + 16


SHAPES = {
    "lower": 0,
    "Capital": 1,
    "A": 1,
    "NASA": 3,
    "NASAs": 1,
    "F16": 7,
    "x2": 4,
    "7": 4,
    "\u2167": 4,
    "iPhone": 0,
    "\u01c5ez": 0,
    "\u0394\u039f\u039c": 3,
    "e\u0301": 0,
    "?": 8,
    "\U0001f600": 8,
    "\u5317": 0,
    "\u0301": 0,
}


@pytest.mark.parametrize(("token", "shape"), SHAPES.items())
def test_golden_shapes(token: str, shape: int) -> None:
    of = vocabulary("any")
    assert codes(of, token)[0][-1] - of.first_shape == shape


@given(texts)
@patient
def test_shapes_by_the_table_of_characters(text: str) -> None:
    """A capital first, two characters with one and no small letter after it, a digit, a sign: powers of two."""
    of = vocabulary("any")
    for token, row in zip(reference_tokens(text), codes(of, text), strict=False):
        classes = "".join("u" if c == "Lu" else "l" if c == "Ll" else c[0] for c in map(unicodedata.category, token))
        shape = (
            classes.startswith("u")
            + 2 * bool(re.fullmatch("[^l]*u[^l]+", classes))
            + 4 * ("N" in classes)
            + 8 * (len(token) == 1 and classes[0] not in "ulLMN")
        )
        assert row[-1] == (0 if token == module.END else of.first_shape + shape)


@given(rows=st.lists(texts, max_size=3), other=texts)
@patient
def test_codes_are_within_the_sizes(rows: list[str], other: str) -> None:
    of = vocabulary(*rows)
    array = np.array(codes(of, other))
    assert array.shape[1] == CODES
    assert array.min() >= 0
    assert array[:, 0].max() < of.sizes.words
    assert array[:, 1:].max() < of.sizes.parts


@given(rows=st.lists(texts, max_size=3), other=texts)
@patient
def test_a_stored_vocabulary_gives_the_same_codes(rows: list[str], other: str) -> None:
    of = vocabulary(*rows)
    stored = TokenVocabulary.model_validate_json(of.model_dump_json())
    assert stored == of
    assert list(stored.forms) == list(of.forms)
    assert codes(stored, other) == codes(of, other)
