"""Multi-categorical features: lists of strings, each row the mean of its items' embeddings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field

from mtl_core import arrow_compute as pc
from mtl_core.arrow import as_dictionary, as_strings, is_text, item_type, list_items, scalar_type, value_type
from mtl_core.errors import DataError
from mtl_core.features.base import Feature, FeatureFitter, FittedFeature
from mtl_core.features.facts import ColumnFacts, Proposal
from mtl_core.features.separated_lists import MAX_ITEMS, MIN_FREQUENT, find_separator
from mtl_core.features.vocabulary import FIRST, ValueCounts, id_dtype, lookup_ids, lookup_node
from mtl_core.input_types import InputType, StringsInput
from mtl_core.ragged import Block, Ragged

if TYPE_CHECKING:
    from mtl_core.config import Model
    from mtl_core.graphs.builder import GraphBuilder
    from mtl_core.nn.sequences import GroupModule


class Multicategorical(Feature):
    """A list of strings, numbers or booleans, or text with a separator: the mean of the items' embeddings.

    Null and empty items are no items; a row without any has a separate embedding. An item seen fewer than
    `min_count` times in training shares the out-of-vocabulary id.
    """

    kind: Literal["multicategorical"] = "multicategorical"
    separator: Annotated[str, Field(min_length=1)] | None = None
    """Separator of the items in a column of text, which requires it; blanks around an item do not count."""
    min_count: Annotated[int, Field(ge=1)] = 5

    @classmethod
    def propose(cls, facts: ColumnFacts) -> Proposal | None:
        """Lists of strings, and text that is clearly a list, since a wrong proposal costs more than a missing one."""
        items = item_type(facts.type)
        if items is not None and is_text(items):
            longest = int(list_items(facts.values, None)[1].max(initial=0))
            if longest > MAX_ITEMS:
                return Proposal(note=f"lists of up to {longest:,} items, more than {MAX_ITEMS:,}")
            counts = Counter(item for row in facts.sample.to_pylist() for item in row if item)
            if max(counts.values(), default=0) >= MIN_FREQUENT:
                return Proposal(options={"kind": "multicategorical"})
            return Proposal(note="lists whose items do not repeat")
        if facts.is_text and (separator := find_separator(facts)):
            options = {"kind": "multicategorical", "separator": separator}
            return Proposal(options=options, warning="read as lists; categorical if each text is one value")
        return None

    def input_type(self, name: str, column: str, arrow_type: pa.DataType) -> InputType:
        items = item_type(arrow_type)
        if items is None and scalar_type(arrow_type) != "string":
            raise DataError(
                f"feature {name!r}: a multicategorical feature needs a column of lists, or text with a separator, "
                f"found {arrow_type} in column {column!r}; declare it as kind: categorical or numeric"
            )
        if items is None and self.separator is None:
            raise DataError(
                f"feature {name!r}: a multicategorical feature needs a separator where its column is text, found none "
                f'for column {column!r}; add one, as in separator: "|", or declare it as kind: categorical'
            )
        if items is not None and self.separator is not None:
            raise DataError(
                f"feature {name!r}: a separator is for a column of text, found {arrow_type} in column {column!r}; "
                "remove separator"
            )
        if items is not None and scalar_type(items) is None:
            raise DataError(
                f"feature {name!r}: a multicategorical feature needs lists of text, numbers or booleans, found "
                f"{arrow_type} in column {column!r}; convert the items to text"
            )
        return StringsInput(self.separator)

    def fitter(self, name: str, column: str, arrow_type: pa.DataType) -> MulticategoricalFitter:
        self.input_type(name, column, arrow_type)
        return MulticategoricalFitter(self, name, column)


class MulticategoricalFitter(FeatureFitter):
    """Counts the items of a column's lists."""

    def __init__(self, options: Multicategorical, name: str, column: str) -> None:
        self.options, self.name, self.column = options, name, column
        self.counts = ValueCounts()

    def update(self, values: pa.Array) -> None:
        items, lists, rows = _item_indices(self.name, self.column, values, self.options.separator)
        rows_per_list = np.ones(len(lists)) if rows is None else np.bincount(rows, minlength=len(lists))
        counts = np.bincount(lists.values, weights=np.repeat(rows_per_list, lists.lengths), minlength=len(items))
        seen = np.flatnonzero(counts)
        self.counts.update(as_strings(items.take(pa.array(seen))), counts[seen].astype(np.int64))

    def finish(self) -> FittedMulticategorical:
        vocabulary = self.counts.frequent(self.options.min_count)
        if not vocabulary:
            raise DataError(
                f"feature {self.name!r}: no item of column {self.column!r} occurs {self.options.min_count} times in "
                "the training split; lower its min_count, check its separator, or leave the feature out"
            )
        return FittedMulticategorical(
            name=self.name, column=self.column, separator=self.options.separator, vocabulary=vocabulary
        )


class FittedMulticategorical(FittedFeature):
    """(rows,) lists -> ragged (rows, L) ids: 0 no item, 1 unseen, then the vocabulary in its order."""

    kind: Literal["multicategorical"] = "multicategorical"
    separator: str | None
    vocabulary: tuple[str, ...]

    @property
    def input_type(self) -> InputType:
        return StringsInput(self.separator)

    @property
    def size(self) -> int:
        """Number of ids."""
        return FIRST + len(self.vocabulary)

    @property
    def block(self) -> str:
        """Name of its block."""
        return f"multicategorical.{self.name}"

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of its ids on disk."""
        return id_dtype(self.size)

    def encode(self, values: pa.Array) -> Ragged:
        items, lists, rows = _item_indices(self.name, self.column, values, self.separator)
        ids = lookup_ids(as_strings(items), "", self.vocabulary).astype(self.dtype)
        encoded = Ragged(values=ids[lists.values], offsets=lists.offsets)
        return encoded if rows is None else encoded.take(rows)

    @classmethod
    def blocks(cls, features: Sequence[Self]) -> dict[str, Block]:
        """A block per feature, since their lists differ in length."""
        return {feature.block: Block(shape=(), dtype=feature.dtype, ragged=True) for feature in features}

    @classmethod
    def encode_blocks(
        cls, features: Sequence[Self], columns: Mapping[str, pa.Array]
    ) -> dict[str, NDArray[Any] | Ragged]:
        return {feature.block: feature.encode(columns[feature.column]) for feature in features}

    @classmethod
    def module(cls, features: Sequence[Self], options: Model) -> GroupModule:
        from mtl_core.nn.pooling import MeanEmbeddings

        blocks = {feature.name: feature.block for feature in features}
        return MeanEmbeddings(blocks, {feature.name: feature.size for feature in features}, options.embedding)

    @classmethod
    def to_onnx(cls, graph: GraphBuilder, features: Sequence[Self], inputs: Mapping[str, str]) -> dict[str, str]:
        return {
            feature.block: graph.cast(
                lookup_node(graph, inputs[feature.column], "", feature.vocabulary, np.object_), np.int32
            )
            for feature in features
        }

    def describe(self) -> str:
        return f"lists of {len(self.vocabulary):,} values"


def _item_indices(
    name: str, column: str, values: pa.Array, separator: str | None
) -> tuple[pa.Array, Ragged, NDArray[Any] | None]:
    """(rows,) lists -> distinct items, lists of item indices, and (rows,) the index of each row's list.

    The last is None if each row has a list. A text that many rows share is split once. DataError for a list of more
    than MAX_ITEMS items.
    """
    rows = None
    if scalar_type(values.type) == "string":  # a column without any value has no type, and is text
        values = pa.nulls(len(values), pa.string()) if pa.types.is_null(value_type(values.type)) else values
        texts = as_dictionary(values)
        rows = pc.fill_null(texts.indices, len(texts.dictionary)).to_numpy(zero_copy_only=False)
        values = pa.concat_arrays([as_strings(texts.dictionary), pa.nulls(1, pa.string())])
    items, lengths = list_items(values, separator)
    used = lengths if rows is None else lengths[rows]  # a dictionary may have texts that no row has
    if (longest := int(used.max(initial=0))) > MAX_ITEMS:
        raise DataError(
            f"feature {name!r}: a list may hold at most {MAX_ITEMS:,} items, found one of {longest:,} in column "
            f"{column!r}; shorten it, or leave out the row"
        )
    dictionary = as_dictionary(items)
    distinct = pa.concat_arrays([as_strings(dictionary.dictionary), pa.nulls(1, pa.string())])
    indices = pc.fill_null(dictionary.indices, len(distinct) - 1).to_numpy(zero_copy_only=False)
    return distinct, Ragged.from_lengths(indices, lengths), rows
