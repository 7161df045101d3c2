"""Numeric features: imputed, flagged where missing, standardised, and encoded piecewise-linearly in the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field

from mtl_core.arrow import ColumnType, as_numbers, scalar_type
from mtl_core.errors import DataError
from mtl_core.expectations import Expectation
from mtl_core.features.base import SCALAR_INPUTS, Feature, FeatureFitter, FittedFeature, TreeColumns, scalar_input
from mtl_core.features.bins import ReservoirSample, bin_edges, thin_edges
from mtl_core.features.facts import ColumnFacts, Proposal
from mtl_core.features.profiling import range_expectations
from mtl_core.features.running_stats import RunningStats
from mtl_core.features.standardisation import standardisation_nodes, statistics
from mtl_core.input_types import InputType
from mtl_core.ragged import Block

if TYPE_CHECKING:
    import pandas as pd

    from mtl_core.config import Model
    from mtl_core.graphs.builder import GraphBuilder
    from mtl_core.nn.sequences import GroupModule

MIN_BIN_WIDTH = 1e-3
"""Minimum width, in standard deviations: in a narrower bin, rounding to float32 changes the encoding visibly."""


class Numeric(Feature):
    """A number or a boolean.

    Missing values (null, NaN, infinities) become the training mean; where training has any, a second column flags
    them. Values outside the training range are clipped to it.
    """

    kind: Literal["numeric"] = "numeric"
    transform: Literal["none", "log1p"] = "none"
    """`log1p` maps x to sign(x) log(1 + |x|) before standardising, for amounts and counts with a long tail."""
    bins: Annotated[int, Field(ge=0, le=256)] = 16
    """Maximum bins of the piecewise-linear encoding, each with about as many training rows; 0 disables it. Problems
    with many numeric features have fewer, see `model.bins`.
    """

    @classmethod
    def propose(cls, facts: ColumnFacts) -> Proposal | None:
        amount = facts.is_number and not (facts.whole and facts.named_id)
        return Proposal(options={"kind": "numeric"}) if amount or facts.is_two_valued else None

    def input_type(self, name: str, column: str, arrow_type: pa.DataType) -> InputType:
        input_type = scalar_input(name, self.kind, column, arrow_type)
        if input_type.is_string:
            raise DataError(
                f"feature {name!r}: a numeric feature needs a column of numbers or booleans, found text in "
                f"column {column!r}; declare it as kind: categorical, or convert the column"
            )
        return input_type

    def fitter(self, name: str, column: str, arrow_type: pa.DataType) -> NumericFitter:
        self.input_type(name, column, arrow_type)
        return NumericFitter(self, name, column, scalar_type(arrow_type) or "number")

    def expectations(self, column: str, type_in_suite: str, parts: Sequence[pd.Series]) -> list[Expectation]:
        """The range of the values."""
        return range_expectations(column, parts) if type_in_suite == "float64" else []


class NumericFitter(FeatureFitter):
    """Statistics of the transformed values, the range of the raw ones, and the count of missing ones."""

    def __init__(self, options: Numeric, name: str, column: str, column_type: ColumnType) -> None:
        self.options, self.name, self.column, self.type = options, name, column, column_type
        self.raw, self.sample, self.missing = RunningStats(), ReservoirSample(), 0
        self.transformed = self.raw if options.transform == "none" else RunningStats()

    def update(self, values: pa.Array) -> None:
        numbers = as_numbers(values)
        finite = numbers[np.isfinite(numbers)]
        self.missing += numbers.size - finite.size
        self.raw.update(finite)
        if self.options.bins:
            self.sample.update(finite)
        if self.transformed is not self.raw:
            self.transformed.update(_transform(finite, self.options.transform))

    def finish(self) -> FittedNumeric:
        if not self.raw.count:
            raise DataError(
                f"feature {self.name!r}: column {self.column!r} holds no finite value in the training split; "
                "leave the feature out, or check the split"
            )
        if not np.isfinite([self.transformed.mean, self.transformed.deviation]).all():
            raise DataError(
                f"feature {self.name!r}: the squares of column {self.column!r} must fit in 64-bit floats, found values "
                f"from {self.raw.low:g} to {self.raw.high:g} in training; repair them, or use transform: log1p"
            )
        return FittedNumeric(
            name=self.name,
            column=self.column,
            type=self.type,
            transform=self.options.transform,
            mean=self.transformed.mean,
            deviation=self.transformed.deviation or 1.0,
            low=self.raw.low,
            high=self.raw.high,
            flag_missing=self.missing > 0,
            bin_edges=self._bin_edges(),
        )

    def _bin_edges(self) -> tuple[float, ...]:
        """Standardised bin edges; none for a single bin, whose encoding is the number itself."""
        raw = bin_edges(np.concatenate([[self.raw.low], self.sample.values, [self.raw.high]]), self.options.bins)
        deviation = self.transformed.deviation or 1.0
        scaled = (_transform(raw, self.options.transform) - self.transformed.mean) / deviation
        edges: list[float] = []
        for edge in np.unique(scaled.astype(np.float32)).tolist():
            if not edges or edge - edges[-1] > MIN_BIN_WIDTH:
                edges.append(edge)
        return tuple(edges) if len(edges) > 2 else ()


class FittedNumeric(FittedFeature):
    """(rows,) numbers -> (rows, 1 or 2) float32: the standardised value and, where it can be missing, the flag."""

    kind: Literal["numeric"] = "numeric"
    type: ColumnType
    transform: Literal["none", "log1p"]
    mean: float
    deviation: float
    low: float
    high: float
    flag_missing: bool
    bin_edges: tuple[float, ...] = ()
    """Standardised, ascending edges of the piecewise-linear encoding, which the network computes."""

    @property
    def input_type(self) -> InputType:
        return SCALAR_INPUTS[self.type]

    @property
    def width(self) -> int:
        """Columns of the block."""
        return 1 + self.flag_missing

    def encode(self, values: pa.Array) -> NDArray[np.float32]:
        raw = as_numbers(values)
        missing = ~np.isfinite(raw)
        clipped = np.clip(np.where(missing, 0.0, raw), self.low, self.high)
        scaled = (_transform(clipped, self.transform) - self.mean) / self.deviation
        out = np.where(missing, 0.0, scaled).astype(np.float32)
        return np.stack([out, missing.astype(np.float32)], axis=1) if self.flag_missing else out[:, None]

    @classmethod
    def blocks(cls, features: Sequence[Self]) -> dict[str, Block]:
        width = sum(feature.width for feature in features)
        return {"numeric": Block(shape=(width,), dtype=np.dtype(np.float32))}

    @classmethod
    def module(cls, features: Sequence[Self], options: Model) -> GroupModule:
        from mtl_core.nn.piecewise import PiecewiseLinear

        starts = np.cumsum([0, *(feature.width for feature in features)]).tolist()
        bins = options.bins // len(features)
        thinned = (thin_edges(feature.bin_edges, bins) for feature in features)
        edges = {start: of_feature for start, of_feature in zip(starts, thinned, strict=False) if of_feature}
        return PiecewiseLinear("numeric", starts[-1], edges)

    @classmethod
    def to_onnx(cls, graph: GraphBuilder, features: Sequence[Self], inputs: Mapping[str, str]) -> dict[str, str]:
        parts: list[str] = []
        keys: list[tuple[int, int]] = []  # feature index and column of every row of the parts
        for transform in dict.fromkeys(feature.transform for feature in features):
            group = {index: feature for index, feature in enumerate(features) if feature.transform == transform}
            raw = graph.stack(inputs[feature.column] for feature in group.values())
            magnitude = graph.add("Abs", raw)
            finite = graph.add("Less", magnitude, graph.constant(np.inf, np.float64))
            scaled = _scaled_nodes(graph, list(group.values()), raw, magnitude)
            parts.append(graph.add("Where", finite, scaled, graph.constant(0.0, np.float32)))
            keys += [(index, 0) for index in group]
            if any(feature.flag_missing for feature in group.values()):
                parts.append(graph.cast(graph.add("Not", finite), np.float32))
                keys += [(index, 1) for index in group]
        columns = [(index, column) for index, feature in enumerate(features) for column in range(feature.width)]
        return {"numeric": graph.add("Transpose", graph.pick(parts, keys, columns))}

    def describe(self) -> str:
        return f"{self.low:.4g} to {self.high:.4g}" + (", log" if self.transform == "log1p" else "")

    @classmethod
    def to_columns(cls, features: Sequence[Self], blocks: Mapping[str, Any]) -> TreeColumns:
        values = np.asarray(blocks["numeric"])
        return TreeColumns(values=values, categorical=(False,) * values.shape[1])


def _scaled_nodes(graph: GraphBuilder, features: Sequence[FittedNumeric], raw: str, magnitude: str) -> str:
    """(D, rows) raw values of one transform, and their absolute values -> standardised float32.

    The result is arbitrary where a value is missing.
    """
    values, transform = raw, features[0].transform
    if transform == "log1p":
        logarithm = graph.add("Log", graph.add("Add", magnitude, graph.constant(1.0, np.float64)))
        values = graph.add("Mul", graph.add("Sign", raw), logarithm)
    mean, deviation, low, high = statistics(features)
    limits = _transform(low, transform), _transform(high, transform)
    return standardisation_nodes(graph, values, mean, deviation, *limits)


def _transform(values: NDArray[np.float64], transform: str) -> NDArray[np.float64]:
    if transform == "log1p":
        # log(1 + x), not log1p(x): ONNX has no log1p, and encode and the graph must agree up to the last bit.
        return np.asarray(np.sign(values) * np.log(np.abs(values) + 1.0), dtype=np.float64)
    return values
