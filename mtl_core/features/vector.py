"""Vector features: lists of numbers of one length, such as an embedding from elsewhere, standardised per dimension."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mtl_core import arrow_compute as pc
from mtl_core.arrow import as_numbers, is_number, item_type
from mtl_core.errors import DataError
from mtl_core.features.base import Feature, FeatureFitter, FittedFeature, TreeColumns
from mtl_core.features.facts import ColumnFacts, Proposal
from mtl_core.features.running_stats import ColumnStats
from mtl_core.features.standardisation import standardisation_nodes
from mtl_core.input_types import InputType, VectorInput
from mtl_core.ragged import Block

if TYPE_CHECKING:
    from mtl_core.config import Model
    from mtl_core.graphs.builder import GraphBuilder
    from mtl_core.nn.sequences import GroupModule

MAX_PROPOSED = 4_096
"""Maximum size of a vector that `mtl init` proposes."""
MAX_CELLS = 1 << 20
"""Maximum numbers that are processed at a time, so that float64 copies of a batch stay small."""


class Vector(Feature):
    """Lists of numbers, of one length in all rows, standardised per dimension.

    Missing numbers (null, NaN, infinities) become the training mean; where training has rows without any number, a
    further column flags them. Numbers outside the training range of their dimension are clipped to it.
    """

    kind: Literal["vector"] = "vector"

    @classmethod
    def propose(cls, facts: ColumnFacts) -> Proposal | None:
        """Lists of numbers, all of one length."""
        items = item_type(facts.type)
        if items is None or not is_number(items) or not len(facts.sample):
            return None
        lengths = np.unique(pc.list_value_length(facts.values).to_numpy(zero_copy_only=False))
        if lengths.size > 1:
            return Proposal(note="lists of numbers of several lengths; multicategorical if they are categories")
        size, numbers = int(lengths[0]), as_numbers(pc.list_flatten(facts.sample))
        if size > MAX_PROPOSED:
            return Proposal(note=f"lists of {size:,} numbers, more than {MAX_PROPOSED:,}; kind: vector takes them")
        if not size or np.array_equal(numbers, np.tile(numbers[:size], len(facts.sample)), equal_nan=True):
            return Proposal(note="the same numbers in every row")
        if not np.isfinite(numbers).any():
            return Proposal(note="no finite number")
        whole = pa.types.is_integer(items) and not pa.types.is_fixed_size_list(facts.type)
        warning = "lists of whole numbers; multicategorical if they are categories" if whole else ""
        return Proposal(options={"kind": "vector"}, warning=warning)

    def input_type(self, name: str, column: str, arrow_type: pa.DataType) -> InputType:
        items = item_type(arrow_type)
        if items is None or not is_number(items):
            raise DataError(
                f"feature {name!r}: a vector feature needs a column of lists of numbers, found {arrow_type} in column "
                f"{column!r}; declare a kind that reads it, or write the numbers into a list"
            )
        return VectorInput(arrow_type.list_size if pa.types.is_fixed_size_list(arrow_type) else 0)

    def fitter(self, name: str, column: str, arrow_type: pa.DataType) -> VectorFitter:
        self.input_type(name, column, arrow_type)
        return VectorFitter(name, column)


class VectorFitter(FeatureFitter):
    """Statistics of every dimension, and a flag for rows without a number. The first list decides the length."""

    def __init__(self, name: str, column: str) -> None:
        self.name, self.column = name, column
        self.stats: ColumnStats | None = None
        self.missing = False

    def update(self, values: pa.Array) -> None:
        lengths = pc.list_value_length(values).drop_null()
        if self.stats is None and len(lengths):
            if not (size := lengths[0].as_py()):
                raise DataError(
                    f"feature {self.name!r}: the lists of column {self.column!r} must have a number or more, found an "
                    "empty one; write null where there is none, or leave the feature out"
                )
            self.stats = ColumnStats(size)
        if self.stats is None:
            self.missing |= len(values) > 0
            return
        size = self.stats.count.size
        _check_lengths(self.name, self.column, size, values)
        for _, rows in _chunks(size, values):
            self.stats.update(rows)
            self.missing |= bool((~np.isfinite(rows)).all(axis=1).any())

    def finish(self) -> FittedVector:
        stats = self.stats
        if stats is None or not stats.count.any():
            raise DataError(
                f"feature {self.name!r}: column {self.column!r} holds no finite number in the training split; leave "
                "the feature out, or check the split"
            )
        if (overflows := np.flatnonzero(~np.isfinite(stats.mean + stats.deviation))).size:
            index = overflows[0]
            raise DataError(
                f"feature {self.name!r}: the squares of column {self.column!r} must fit in 64-bit floats, found "
                f"{stats.low[index]:g} to {stats.high[index]:g} at position {index} of a list in training; repair them"
            )
        seen = stats.count > 0
        return FittedVector(
            name=self.name,
            column=self.column,
            mean=tuple(stats.mean.tolist()),
            deviation=tuple(np.where(stats.deviation > 0, stats.deviation, 1.0).tolist()),
            low=tuple(np.where(seen, stats.low, 0.0).tolist()),
            high=tuple(np.where(seen, stats.high, 0.0).tolist()),
            flag_missing=self.missing,
        )


class FittedVector(FittedFeature):
    """(rows,) lists of D numbers -> (rows, D or D + 1) float32: standardised numbers and, if any, the missing flag.

    A dimension without any number in training is 0 throughout.
    """

    kind: Literal["vector"] = "vector"
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    flag_missing: bool

    @property
    def size(self) -> int:
        """Numbers of a list."""
        return len(self.mean)

    @property
    def width(self) -> int:
        """Columns of the block."""
        return self.size + self.flag_missing

    @property
    def input_type(self) -> InputType:
        return VectorInput(self.size)

    def encode(self, values: pa.Array) -> NDArray[np.float32]:
        _check_lengths(self.name, self.column, self.size, values)
        mean, deviation, low, high = map(np.array, (self.mean, self.deviation, self.low, self.high))
        out = np.empty((len(values), self.width), dtype=np.float32)
        for start, rows in _chunks(self.size, values):
            missing = ~np.isfinite(rows)
            scaled = (np.clip(np.where(missing, 0.0, rows), low, high) - mean) / deviation
            chunk = slice(start, start + len(rows))
            out[chunk, : self.size] = np.where(missing, 0.0, scaled)
            if self.flag_missing:
                out[chunk, self.size] = missing.all(axis=1)
        return out

    @classmethod
    def blocks(cls, features: Sequence[Self]) -> dict[str, Block]:
        width = sum(feature.width for feature in features)
        return {"vector": Block(shape=(width,), dtype=np.dtype(np.float32))}

    @classmethod
    def module(cls, features: Sequence[Self], options: Model) -> GroupModule:
        from mtl_core.nn.dense import DenseAndEmbedding

        return DenseAndEmbedding("vector", sum(feature.width for feature in features))

    @classmethod
    def to_onnx(cls, graph: GraphBuilder, features: Sequence[Self], inputs: Mapping[str, str]) -> dict[str, str]:
        parts = [part for feature in features for part in feature._nodes(graph, inputs[feature.column])]
        return {"vector": graph.add("Concat", *parts, axis=1)}

    def describe(self) -> str:
        return f"{self.size:,} numbers"

    @classmethod
    def to_columns(cls, features: Sequence[Self], blocks: Mapping[str, Any]) -> TreeColumns:
        values = np.asarray(blocks["vector"])
        return TreeColumns(values=values, categorical=(False,) * values.shape[1])

    def _nodes(self, graph: GraphBuilder, raw: str) -> list[str]:
        """(rows, D) raw numbers -> the columns of `encode`, in one or two parts."""
        mean, deviation, low, high = (np.array([row]) for row in (self.mean, self.deviation, self.low, self.high))
        finite = graph.add("Less", graph.add("Abs", raw), graph.constant(np.inf, np.float64))
        clipped = standardisation_nodes(graph, raw, mean, deviation, low, high)
        parts = [graph.add("Where", finite, clipped, graph.constant(0.0, np.float32))]
        if self.flag_missing:
            present = graph.cast(finite, np.float32)
            any_present = graph.add("ReduceMax", present, graph.constant([1], np.int64), keepdims=1)  # (rows, 1)
            parts.append(graph.add("Sub", graph.constant(1.0, np.float32), any_present))
        return parts


def _check_lengths(name: str, column: str, size: int, values: pa.Array) -> None:
    """DataError if a list has another length."""
    lengths = pc.list_value_length(values).drop_null().to_numpy(zero_copy_only=False)
    if (other := lengths[lengths != size]).size:
        raise DataError(
            f"feature {name!r}: every list of column {column!r} must have {size:,} numbers, as the first in training "
            f"has, found one of {int(other[0]):,}; repair it, or leave out the row"
        )


def _chunks(size: int, values: pa.Array) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """First row and (rows, size) float64 numbers of each chunk of rows; a missing list is all NaN."""
    step = max(1, MAX_CELLS // size)
    for start in range(0, len(values), step):
        yield start, VectorInput(size).tensor(values.slice(start, step))


def unscaled_vector(name: str, width: int) -> FittedVector:
    """The feature of a column of that name whose (rows, width) numbers are inputs of the network as they are."""
    zeros = (0.0,) * width
    return FittedVector(
        name=name, column=name, mean=zeros, deviation=(1.0,) * width, low=zeros, high=zeros, flag_missing=False
    )
