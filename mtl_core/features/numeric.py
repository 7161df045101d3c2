"""Numeric features: imputed, flagged where missing, standardised."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field

from mtl_core.errors import DataError
from mtl_core.features.base import Block, ColumnType, Feature, FeatureFitter, FittedFeature, as_numbers
from mtl_core.features.graph import GraphBuilder
from mtl_core.features.knots import Sample, knots
from mtl_core.running_stats import RunningStats

__all__ = ["FittedNumeric", "Numeric"]

NARROWEST = 1e-3
"""In standard deviations: over a narrower piece the last bit of a number would make a difference that one can see."""


class Numeric(Feature):
    """A number or a boolean.

    Missing values (null, NaN, infinities) become the training mean; where training had any, a second column says so.
    Values outside the range seen in training are drawn to its edge: a network's extrapolation is nobody's friend.
    """

    kind: Literal["numeric"] = "numeric"
    transform: Literal["none", "log1p"] = "none"
    """`log1p` maps x to sign(x) log(1 + |x|) before standardising, for amounts and counts with a long tail."""
    bins: Annotated[int, Field(ge=0, le=256)] = 16
    """The network sees the number, and how far it is through each of at most so many pieces of its range, which hold
    about equally many training rows; 0 for the number alone."""

    def fitter(self, name: str, column: str, kind_of_column: ColumnType) -> "NumericFitter":
        if kind_of_column == "string":
            raise DataError(
                f"feature {name!r}: a numeric feature needs a column of numbers or booleans, found text in "
                f"column {column!r}; declare it as kind: categorical, or convert the column"
            )
        return NumericFitter(self, name, column, kind_of_column)


class NumericFitter(FeatureFitter):
    """RunningStats of the transformed values, the range of the raw ones, and whether any is missing."""

    def __init__(self, options: Numeric, name: str, column: str, kind_of_column: ColumnType) -> None:
        self.options, self.name, self.column, self.type = options, name, column, kind_of_column
        self.raw, self.sample, self.missing = RunningStats(), Sample(), 0
        self.transformed = self.raw if options.transform == "none" else RunningStats()

    def update(self, values: pa.Array) -> None:
        numbers = as_numbers(values)
        known = numbers[np.isfinite(numbers)]
        self.missing += numbers.size - known.size
        self.raw.update(known)
        if self.options.bins:
            self.sample.update(known)
        if self.transformed is not self.raw:
            self.transformed.update(_transform(known, self.options.transform))

    def finish(self) -> "FittedNumeric":
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
            knots=self._knots(),
        )

    def _knots(self) -> tuple[float, ...]:
        """As the network sees values. Of one piece none, since that is the number itself."""
        raw = knots(np.concatenate([[self.raw.low], self.sample.values, [self.raw.high]]), self.options.bins)
        deviation = self.transformed.deviation or 1.0
        scaled = (_transform(raw, self.options.transform) - self.transformed.mean) / deviation
        apart: list[float] = []
        for knot in np.unique(scaled.astype(np.float32)).tolist():
            if not apart or knot - apart[-1] > NARROWEST:
                apart.append(knot)
        return tuple(apart) if len(apart) > 2 else ()


class FittedNumeric(FittedFeature):
    """(rows,) numbers -> (rows, 1 or 2) float32: the standardised value and, where it can be missing, the flag."""

    block: ClassVar[Block] = "floats"

    kind: Literal["numeric"] = "numeric"
    transform: Literal["none", "log1p"]
    mean: float
    deviation: float
    low: float
    high: float
    flag_missing: bool
    knots: tuple[float, ...] = ()
    """Standardised, ascending: the ends of the pieces of its piecewise-linear encoding, which the network computes."""

    @property
    def width(self) -> int:
        return 1 + self.flag_missing

    def encode(self, values: pa.Array) -> NDArray[np.float32]:
        raw = as_numbers(values)
        missing = ~np.isfinite(raw)
        known = np.clip(np.where(missing, 0.0, raw), self.low, self.high)
        scaled = (_transform(known, self.transform) - self.mean) / self.deviation
        out = np.where(missing, 0.0, scaled).astype(np.float32)
        return np.stack([out, missing.astype(np.float32)], axis=1) if self.flag_missing else out[:, None]

    @classmethod
    def nodes(cls, graph: GraphBuilder, features: Sequence[Self], columns: Sequence[str]) -> str:
        parts: list[str] = []
        places: list[tuple[int, int]] = []  # (feature, its column) of every row of the parts
        for transform in dict.fromkeys(feature.transform for feature in features):
            alike = [place for place, feature in enumerate(features) if feature.transform == transform]
            raw = graph.stack(columns[place] for place in alike)
            size = graph.add("Abs", raw)
            known = graph.add("Less", size, graph.constant(np.inf, np.float64))
            scaled = _scaled_nodes(graph, [features[place] for place in alike], raw, size)
            parts.append(graph.add("Where", known, scaled, graph.constant(0.0, np.float32)))
            places += [(place, 0) for place in alike]
            if any(features[place].flag_missing for place in alike):
                parts.append(graph.add("Cast", graph.add("Not", known), to=1))
                places += [(place, 1) for place in alike]
        wanted = [(place, column) for place, feature in enumerate(features) for column in range(feature.width)]
        return graph.pick(parts, places, wanted)


def _scaled_nodes(graph: GraphBuilder, features: Sequence[FittedNumeric], raw: str, size: str) -> str:
    """(D, rows) raw values of one transform, and how large each is -> the same standardised, float32; anything where a
    value is missing.
    """
    values, transform = raw, features[0].transform
    if transform == "log1p":
        magnitude = graph.add("Log", graph.add("Add", size, graph.constant(1.0, np.float64)))
        values = graph.add("Mul", graph.add("Sign", raw), magnitude)
    means = np.array([[feature.mean] for feature in features])  # (D, 1)
    deviations = np.array([[feature.deviation] for feature in features])
    # (mean - x) / -deviation: ONNX Runtime drops `x - c` and `x / c` where c, rounded to float32, is 0 and 1.
    centred = graph.add("Sub", graph.constant(means, np.float64), values)
    scaled = graph.add("Cast", graph.add("Div", centred, graph.constant(-deviations, np.float64)), to=1)
    # `encode` draws raw values to the range. All of this rises with them, so the end is the same, and half as wide.
    edges = (_transform(np.array([[f.low, f.high] for f in features]), transform) - means) / deviations  # (D, 2)
    drawn = graph.add("Max", scaled, graph.constant(edges[:, :1], np.float32))
    return graph.add("Min", drawn, graph.constant(edges[:, 1:], np.float32))


def _transform(values: NDArray[np.float64], transform: str) -> NDArray[np.float64]:
    if transform == "log1p":
        # log(1 + x), not log1p(x): ONNX has no log1p, and the two faces must agree to the last bit but one.
        return np.asarray(np.sign(values) * np.log(np.abs(values) + 1.0), dtype=np.float64)
    return values
