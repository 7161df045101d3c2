"""Numeric features: imputed, flagged where missing, standardised."""

from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mtl_core.errors import DataError
from mtl_core.features.base import Block, ColumnType, Feature, FeatureFitter, FittedFeature, as_numbers
from mtl_core.features.graph import GraphBuilder
from mtl_core.features.moments import Moments

__all__ = ["FittedNumeric", "Numeric"]


class Numeric(Feature):
    """A number or a boolean.

    Missing values (null, NaN, infinities) become the training mean; where training had any, a second column says so.
    Values outside the range seen in training are drawn to its edge: a network's extrapolation is nobody's friend.
    """

    kind: Literal["numeric"] = "numeric"
    transform: Literal["none", "log1p"] = "none"
    """`log1p` maps x to sign(x) log(1 + |x|) before standardising, for amounts and counts with a long tail."""

    def fitter(self, name: str, column: str, kind_of_column: ColumnType) -> "NumericFitter":
        if kind_of_column == "string":
            raise DataError(
                f"feature {name!r}: a numeric feature needs a column of numbers or booleans, found text in "
                f"column {column!r}; declare it as kind: categorical, or convert the column"
            )
        return NumericFitter(self, name, column, kind_of_column)


class NumericFitter(FeatureFitter):
    """Moments of the transformed values, the range of the raw ones, and whether any is missing."""

    def __init__(self, options: Numeric, name: str, column: str, kind_of_column: ColumnType) -> None:
        self.options, self.name, self.column, self.type = options, name, column, kind_of_column
        self.raw, self.transformed, self.missing = Moments(), Moments(), 0

    def update(self, values: pa.Array) -> None:
        numbers = as_numbers(values)
        known = numbers[np.isfinite(numbers)]
        self.missing += numbers.size - known.size
        self.raw.update(known)
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
        )


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

    def nodes(self, graph: GraphBuilder, column: str) -> str:
        zero = graph.constant(0.0, np.float64)
        missing = graph.add("Or", graph.add("IsNaN", column), graph.add("IsInf", column))
        known = graph.add("Where", missing, zero, column)
        known = graph.add("Clip", known, graph.constant(self.low, np.float64), graph.constant(self.high, np.float64))
        if self.transform == "log1p":
            one = graph.constant(1.0, np.float64)
            magnitude = graph.add("Log", graph.add("Add", graph.add("Abs", known), one))
            known = graph.add("Mul", graph.add("Sign", known), magnitude)
        # (mean - x) / -deviation: ONNX Runtime drops `x - c` and `x / c` where c, rounded to float32, is 0 and 1.
        centred = graph.add("Sub", graph.constant(self.mean, np.float64), known)
        scaled = graph.add("Div", centred, graph.constant(-self.deviation, np.float64))
        out = graph.column(graph.add("Cast", graph.add("Where", missing, zero, scaled), to=1))
        if not self.flag_missing:
            return out
        return graph.add("Concat", out, graph.column(graph.add("Cast", missing, to=1)), axis=1)


def _transform(values: NDArray[np.float64], transform: str) -> NDArray[np.float64]:
    if transform == "log1p":
        # log(1 + x), not log1p(x): ONNX has no log1p, and the two faces must agree to the last bit but one.
        return np.asarray(np.sign(values) * np.log(np.abs(values) + 1.0), dtype=np.float64)
    return values
