"""Codes of tokens: ids of the word, of its first and last characters, and of its shape.

Affixes and shape describe words that the training split does not have; on SNIPS they equal a network over characters.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from mtl_core.features.vocabulary import ValueCounts, label_encoder_node, table_offsets
from mtl_core.frozen import Frozen
from mtl_core.text.tokenizer import END, token_nodes, tokenizer

if TYPE_CHECKING:
    from mtl_core.graphs.builder import GraphBuilder

PADDING, END_WORD, UNSEEN, FIRST_WORD = range(4)
"""Ids of words: of padding, of the end mark, of words outside the vocabulary, and of its first word."""
AFFIXES = ("^.{1,2}", "^.{1,3}", ".{1,2}$", ".{1,3}$")
"""The first and the last two and three characters, as patterns."""
_SLICES = (slice(2), slice(3), slice(-2, None), slice(-3, None))
"""The same affixes as slices of strings."""
SHAPES = (r"\p{Lu}.*", r"[^\p{Ll}]*\p{Lu}[^\p{Ll}]+", r".*\p{N}.*", r"[^\p{L}\p{M}\p{N}]")
"""The properties of a token's shape, as patterns: a capital, two and no small letters, a digit, a sign."""
CODES = 1 + len(AFFIXES) + 1
"""Codes of a token: word, affixes, shape."""
MAX_WORDS = 100_000
"""Maximum words of a vocabulary; the most frequent ones are taken."""


class CodeSizes(NamedTuple):
    """Numbers of ids: of words, and of affixes and shapes, which share one range. There padding and end mark are 0."""

    words: int
    """Without those of `TokenVocabulary.pretrained`."""
    parts: int


class TokenVocabulary(Frozen):
    """Words and affixes of the training split, in lower case."""

    words: tuple[str, ...]
    """The most frequent first."""
    pretrained: tuple[str, ...] = ()
    """Words of a file of vectors that are not among `words`; their ids follow."""
    forms: dict[str, str]
    """Tokens with capitals elsewhere than at their start, as `iPhone` -> their word."""
    affixes: tuple[tuple[str, ...], ...]
    """The affixes for each of AFFIXES."""

    @property
    def sizes(self) -> CodeSizes:
        """Numbers of ids."""
        return CodeSizes(FIRST_WORD + len(self.words), int(self._offsets[-1]) + (1 << len(SHAPES)))

    @property
    def word_ids(self) -> dict[str, int]:
        """Token -> id of its word, in lower case, capitalised, in capitals, and as in `forms`."""
        ids: dict[str, int] = {"": PADDING, END: END_WORD}
        for index, word in enumerate((*self.words, *self.pretrained)):
            for form in _case_forms(word):
                ids.setdefault(form, FIRST_WORD + index)
        for form, word in self.forms.items():
            ids.setdefault(form, ids[word])
        return ids

    def affix_ids(self, index: int) -> tuple[dict[str, int], int]:
        """Affix -> id for one of AFFIXES, and the id of any other affix."""
        first = int(self._offsets[index])
        ids: dict[str, int] = {}
        for position, affix in enumerate(self.affixes[index], start=1):
            for form in _case_forms(affix):
                ids.setdefault(form, first + position)
        return ids, first

    @property
    def first_shape(self) -> int:
        """The id of the shape with none of the properties."""
        return int(self._offsets[-1])

    @property
    def _offsets(self) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
        """(AFFIXES + 1,) first id of each kind of affix, and of the shapes."""
        return 1 + table_offsets([*(1 + len(affixes) for affixes in self.affixes), 0])


class VocabularyFitter:
    """Counts the tokens of the training split."""

    def __init__(self, max_tokens: int) -> None:
        self._tokenizer, self._counts = tokenizer(max_tokens), ValueCounts()

    def update(self, texts: pa.Array) -> None:
        """Count the tokens of the next texts."""
        counts = pa.array(self._tokenizer(texts).values, pa.string()).value_counts()
        self._counts.update(counts.field("values"), counts.field("counts").to_numpy())

    def finish(self, min_count: int, pretrained: Sequence[str] = ()) -> TokenVocabulary:
        """The words and affixes that occur `min_count` times.

        Args:
            pretrained: words of a file of vectors; those that are no single token are left out, since no text has them.
        """
        words: Counter[str] = Counter()
        affixes: list[Counter[str]] = [Counter() for _ in AFFIXES]
        tokens = {token: count for token, count in self._counts.counts().items() if token != END}
        for token, count in tokens.items():
            word = token.lower()
            words[word] += count
            for of_kind, part in zip(affixes, _SLICES, strict=True):
                of_kind[word[part]] += count
        frequent = sorted((-count, word) for word, count in words.items() if count >= min_count)
        vocabulary = tuple(word for _, word in frequent[:MAX_WORDS])
        pretrained = self._single_tokens(pretrained)
        known = dict.fromkeys((*vocabulary, *(word.lower() for word in pretrained)))
        forms = {
            token: token.lower()
            for token in sorted({*tokens, *pretrained})
            if token.lower() in known and token not in _case_forms(token.lower())
        }
        parts = tuple(tuple(sorted(a for a, count in of_kind.items() if count >= min_count)) for of_kind in affixes)
        return TokenVocabulary(words=vocabulary, pretrained=tuple(known)[len(vocabulary) :], forms=forms, affixes=parts)

    def _single_tokens(self, words: Sequence[str]) -> list[str]:
        """The words that are a single token."""
        tokens = self._tokenizer(pa.array(words, pa.string()))
        first = tokens.values[tokens.offsets[:-1]]
        is_token = (tokens.lengths == 2) & (first == np.array(words, dtype=object))  # the second one is the end mark
        return [word for word, single in zip(words, is_token.tolist(), strict=True) if single]


def code_nodes(graph: GraphBuilder, texts: str, max_tokens: int, vocabulary: TokenVocabulary) -> str:
    """(rows,) strings -> (rows, L, CODES) int32 codes of the tokens; 0 behind the end mark."""
    tokens = token_nodes(graph, texts, max_tokens)
    ids = vocabulary.word_ids
    words = label_encoder_node(graph, tokens, list(ids), list(ids.values()), UNSEEN, np.object_)
    parts = [_affix_node(graph, tokens, index, vocabulary) for index in range(len(AFFIXES))]
    parts.append(_shape_node(graph, tokens, vocabulary.first_shape))
    is_word = graph.add("Greater", words, graph.constant(END_WORD, np.int64))
    none = graph.constant(0, np.int64)
    codes = [words, *(graph.add("Where", is_word, part, none) for part in parts)]
    axis = graph.constant([2], np.int64)
    return graph.cast(graph.add("Concat", *(graph.add("Unsqueeze", code, axis) for code in codes), axis=2), np.int32)


def _affix_node(graph: GraphBuilder, tokens: str, index: int, vocabulary: TokenVocabulary) -> str:
    """(rows, L) strings -> (rows, L) int64 ids of one kind of affix."""
    matches = graph.add_strings(
        "Tokenizer", tokens, 3, mark=0, mincharnum=1, pad_value="", tokenexp=f"(?s){AFFIXES[index]}"
    )
    affixes = graph.add("Squeeze", matches, graph.constant([2], np.int64))  # a pattern with an anchor matches once
    ids, unseen = vocabulary.affix_ids(index)
    return label_encoder_node(graph, affixes, list(ids), list(ids.values()), unseen, np.object_)


def _shape_node(graph: GraphBuilder, tokens: str, first: int) -> str:
    """(rows, L) strings -> (rows, L) int64 ids of shapes: `first`, plus a power of two for each property."""
    shape = graph.constant(first, np.int64)
    for index, pattern in enumerate(SHAPES):
        has_property = graph.cast(graph.add("RegexFullMatch", tokens, pattern=f"(?s){pattern}"), np.int64)
        shape = graph.add("Add", shape, graph.add("Mul", has_property, graph.constant(1 << index, np.int64)))
    return shape


def _case_forms(word: str) -> tuple[str, str, str]:
    """The word, capitalised, and in capitals."""
    return word, word[:1].upper() + word[1:], word.upper()
