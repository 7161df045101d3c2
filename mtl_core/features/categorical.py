"""Categorical features: a vocabulary, with an id for missing and one for unseen values, and an embedding per id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field

from mtl_core import arrow_compute as pc
from mtl_core.arrow import ColumnType, as_dictionary, as_numbers, as_strings, is_exact, scalar_type
from mtl_core.errors import DataError
from mtl_core.expectations import Expectation, expect
from mtl_core.features.base import SCALAR_INPUTS, Feature, FeatureFitter, FittedFeature, TreeColumns, scalar_input
from mtl_core.features.facts import ColumnFacts, Proposal
from mtl_core.features.profiling import distinct_values, format_range, sorted_values
from mtl_core.features.vocabulary import (
    FIRST,
    MISSING,
    ValueCounts,
    id_dtype,
    joint_lookup_node,
    lookup_ids,
    lookup_node,
    table_offsets,
)
from mtl_core.input_types import InputType
from mtl_core.limits import count_limits
from mtl_core.ragged import Block

if TYPE_CHECKING:
    import pandas as pd

    from mtl_core.config import Model
    from mtl_core.graphs.builder import GraphBuilder
    from mtl_core.nn.sequences import GroupModule

_MISSING_KEY, _UNKNOWN_KEY = -(2**63), -(2**63) + 1

MAX_LISTED = 50
"""Maximum distinct values that the suite lists; of columns with more it expects the number of values."""
MIN_LISTED_SHARE = 0.99
"""A few new categories are expected, and a model has an id for them; more than 1% of the rows is an error."""
MAX_TREE_CATEGORIES = 256
"""Maximum ids of a feature that is categorical for trees; with more, ids are numbers in vocabulary order."""
MAX_LOOKUPS = 64
"""Maximum features with a look-up node each; more share nodes, each of which costs microseconds."""
MIN_OCCURRENCES = 10
"""Minimum occurrences of the most frequent value in a column that `mtl init` proposes as categorical: twice
`min_count`, since the splits share the rows.
"""
MAX_CODES = 12
"""Maximum distinct whole numbers that may be codes rather than amounts."""


class Categorical(Feature):
    """Text, whole numbers or booleans: each distinct value has an embedding.

    Null and the empty string are missing. A value seen fewer than `min_count` times in training shares the
    out-of-vocabulary id, so that its embedding is trained.
    """

    expects_value_set: ClassVar[bool] = True

    kind: Literal["categorical"] = "categorical"
    min_count: Annotated[int, Field(ge=1)] = 5

    @classmethod
    def propose(cls, facts: ColumnFacts) -> Proposal | None:
        if facts.is_two_valued or facts.most_frequent < MIN_OCCURRENCES:
            return None
        options = {"kind": "categorical"}
        if facts.is_text:
            return None if facts.distinct > facts.non_null / 2 else Proposal(options=options)
        if not (facts.is_number and facts.whole and is_exact(as_numbers(facts.values)).all()):
            return None
        if facts.named_id:
            return Proposal(options=options, warning="named like an id, so a category; numeric if its size matters")
        if facts.distinct <= MAX_CODES:
            return Proposal(options=options, warning=f"{facts.distinct} whole numbers; numeric if their order matters")
        return None

    def input_type(self, name: str, column: str, arrow_type: pa.DataType) -> InputType:
        return scalar_input(name, self.kind, column, arrow_type)

    def fitter(self, name: str, column: str, arrow_type: pa.DataType) -> CategoricalFitter:
        self.input_type(name, column, arrow_type)
        return CategoricalFitter(self, name, column, scalar_type(arrow_type) or "string")

    def expectations(self, column: str, type_in_suite: str, parts: Sequence[pd.Series]) -> list[Expectation]:
        """The set of categories, or their number where there are many; none for booleans."""
        if type_in_suite not in ("str", "float64"):
            return []
        values = distinct_values(parts)
        if len(values) <= MAX_LISTED:
            kwargs = {"column": column, "value_set": sorted_values(values), "mostly": MIN_LISTED_SHARE}
            return [expect("column_values_to_be_in_set", f"{len(values)} categories", **kwargs)]
        counts = [count for part in parts if (count := int(part.nunique()))]
        notes = f"{format_range(counts, ',')} distinct values in a part, {len(values):,} in all; new values are allowed"
        return [expect("column_unique_value_count_to_be_between", notes, column=column, **count_limits(counts))]


class CategoricalFitter(FeatureFitter):
    """Counts the values of a column."""

    def __init__(self, options: Categorical, name: str, column: str, column_type: ColumnType) -> None:
        self.options, self.name, self.column, self.type = options, name, column, column_type
        self.counts = ValueCounts()

    def update(self, values: pa.Array) -> None:
        dictionary = as_dictionary(values)
        counts = np.bincount(dictionary.indices.drop_null().to_numpy(), minlength=len(dictionary.dictionary))
        seen = np.flatnonzero(counts)  # a dictionary may have values that no row has
        counts, distinct = counts[seen], dictionary.dictionary.take(pa.array(seen))
        if self.type == "string":
            self.counts.update(as_strings(distinct), counts)
            return
        numbers = as_numbers(distinct)
        whole = is_exact(numbers)
        if inexact := int(counts[np.isfinite(numbers) & ~whole].sum()):
            raise DataError(
                f"feature {self.name!r}: a categorical feature needs whole numbers, text or booleans, found "
                f"{inexact} fractional or huge values in column {self.column!r}; declare it as kind: numeric, or its "
                f"type, as in data.types: {{{self.column}: text}}"
            )
        self.counts.update(pa.array(numbers[whole].astype(np.int64)), counts[whole])

    def finish(self) -> FittedCategorical:
        vocabulary = self.counts.frequent(self.options.min_count)
        if not vocabulary:
            raise DataError(
                f"feature {self.name!r}: no value of column {self.column!r} occurs {self.options.min_count} times in "
                "the training split; lower its min_count, or leave the feature out"
            )
        return FittedCategorical(name=self.name, column=self.column, type=self.type, vocabulary=vocabulary)


class FittedCategorical(FittedFeature):
    """(rows,) values -> (rows, 1) int32 ids: 0 missing, 1 unseen, then the vocabulary in its order."""

    kind: Literal["categorical"] = "categorical"
    type: ColumnType
    vocabulary: tuple[str, ...] | tuple[int, ...]

    @property
    def input_type(self) -> InputType:
        return SCALAR_INPUTS[self.type]

    @property
    def size(self) -> int:
        """Number of ids."""
        return FIRST + len(self.vocabulary)

    def encode(self, values: pa.Array) -> NDArray[np.int32]:
        dictionary = as_dictionary(values)
        distinct = dictionary.dictionary
        if self.type == "string":
            ids = lookup_ids(as_strings(distinct), "", self.vocabulary)
        else:
            ids = lookup_ids(pa.array(_whole_keys(as_numbers(distinct))), _MISSING_KEY, self.vocabulary)
        indices: NDArray[np.int32] = pc.fill_null(dictionary.indices, len(distinct)).to_numpy()
        return np.append(ids, np.int32(MISSING))[indices][:, None]  # the last id is that of a null

    @classmethod
    def blocks(cls, features: Sequence[Self]) -> dict[str, Block]:
        dtype = id_dtype(sum(feature.size for feature in features))
        return {"categorical": Block(shape=(len(features),), dtype=dtype)}

    @classmethod
    def offsets(cls, features: Sequence[Self]) -> NDArray[np.int32]:
        """(C,) first row of each feature in the shared embedding table, by which its ids in the block are shifted."""
        return table_offsets([feature.size for feature in features])

    @classmethod
    def encode_blocks(cls, features: Sequence[Self], columns: Mapping[str, pa.Array]) -> dict[str, Any]:
        blocks: dict[str, Any] = super().encode_blocks(features, columns)
        blocks["categorical"] += cls.offsets(features)  # in place, in the type of the block
        return blocks

    @classmethod
    def module(cls, features: Sequence[Self], options: Model) -> GroupModule:
        from mtl_core.nn.embedding import SharedEmbedding

        size = sum(feature.size for feature in features)
        return SharedEmbedding("categorical", size, len(features), options.embedding)

    @classmethod
    def to_onnx(cls, graph: GraphBuilder, features: Sequence[Self], inputs: Mapping[str, str]) -> dict[str, str]:
        if len(features) > MAX_LOOKUPS:
            ids = _joint_lookup(graph, features, inputs)
        else:
            ids = graph.stack(feature._lookup(graph, inputs[feature.column]) for feature in features)
        ids = graph.cast(ids, np.int32)
        shifted = graph.add("Add", ids, graph.constant(cls.offsets(features)[:, None], np.int32))
        return {"categorical": graph.add("Transpose", shifted)}

    def describe(self) -> str:
        return f"{len(self.vocabulary):,} values"

    @classmethod
    def to_columns(cls, features: Sequence[Self], blocks: Mapping[str, Any]) -> TreeColumns:
        ids = np.asarray(blocks["categorical"]) - cls.offsets(features)
        flags = tuple(feature.size <= MAX_TREE_CATEGORIES for feature in features)
        return TreeColumns(values=ids.astype(np.float32), categorical=flags)

    def _lookup(self, graph: GraphBuilder, column: str) -> str:
        """(rows,) ids. Numbers that equal no key are unseen, also fractional and huge ones."""
        if self.type == "string":
            return lookup_node(graph, column, "", self.vocabulary, np.object_)
        return lookup_node(graph, column, np.nan, self.vocabulary, np.float64)


def _joint_lookup(graph: GraphBuilder, features: Sequence[FittedCategorical], inputs: Mapping[str, str]) -> str:
    """(n, rows) ids of all features, by one look-up of the texts and one of the numbers."""
    texts = [index for index, feature in enumerate(features) if feature.type == "string"]
    numbers = [index for index, feature in enumerate(features) if feature.type != "string"]
    parts: list[str] = []
    for indices, missing, dtype in ((texts, "", np.object_), (numbers, np.nan, np.float64)):
        if indices:
            raw = graph.stack(inputs[features[index].column] for index in indices)
            vocabularies = [features[index].vocabulary for index in indices]
            parts.append(joint_lookup_node(graph, raw, missing, vocabularies, dtype))
    return graph.pick(parts, [*texts, *numbers], range(len(features)))


def _whole_keys(numbers: NDArray[np.float64]) -> NDArray[np.int64]:
    whole = is_exact(numbers)
    keys = np.where(whole, np.where(whole, numbers, 0.0).astype(np.int64), _UNKNOWN_KEY)
    return np.where(np.isnan(numbers), _MISSING_KEY, keys)
