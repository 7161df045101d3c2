"""Numeric targets: standardised in the network, predicted in their own unit. Shared by regression and quantiles."""

from __future__ import annotations

from abc import ABC
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import pyarrow as pa

from mtl_core.arrow import ColumnType, as_numbers
from mtl_core.errors import DataError
from mtl_core.features.running_stats import RunningStats
from mtl_core.tasks.base import Codec, Labels, LabelValues, Task, TaskFitter
from mtl_core.tasks.objective import Objective

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

FLOAT32 = np.finfo(np.float32)
MAX_OFFSET = 10.0
"""Maximum distance of the mean from 0, in standard deviations, for labels and predictions in float32. Beyond it,
rounding would cost the network more than a decimal digit.
"""
MIN_VARIATION = 1e-12
"""Minimum standard deviation, as a share of the largest number: sums in float64 round smaller ones to 0."""


class NumberTask(Task, ABC):
    """A number. A null, NaN or an infinity is a row without a label."""

    codec_type: ClassVar[type[NumberCodec]]

    kind: str

    def fitter(self, name: str, column_type: ColumnType) -> NumberFitter:
        if column_type == "string":
            raise DataError(
                f"task {name!r}: a task of kind {self.kind} needs a target of numbers, found text in {self.target!r}; "
                "declare it as kind: multiclass, or convert the column"
            )
        return NumberFitter(self.codec_type(**self.codec_fields(name, column_type)))


class NumberFitter(TaskFitter):
    """Mean, deviation and range of the target."""

    def __init__(self, codec: NumberCodec) -> None:
        self.codec, self.stats = codec, RunningStats()

    def update(self, values: pa.Array) -> None:
        numbers = self.codec.numbers(values)
        self.stats.update(numbers[~np.isnan(numbers)])

    def finish(self) -> NumberCodec:
        stats = self.stats
        if stats.deviation <= max(float(FLOAT32.tiny), MIN_VARIATION * max(-stats.low, stats.high)):
            raise DataError(
                f"task {self.codec.name!r}: a task of kind {self.codec.kind} needs a target that varies in the "
                f"training split, by more than rounding, found {stats.count} values with a deviation of "
                f"{stats.deviation:g} in {self.codec.target!r}; check the target and the split, or give it in "
                "another unit"
            )
        dtype = "float32" if abs(stats.mean) <= MAX_OFFSET * stats.deviation else "float64"
        statistics = {"mean": stats.mean, "scale": stats.deviation, "minimum": stats.low, "maximum": stats.high}
        return self.codec.model_copy(update={**statistics, "dtype": dtype})


class NumberCodec(Codec, ABC):
    """Labels (rows,) in the target's unit, NaN where unlabelled."""

    mean: float = 0.0
    """Mean of the training split."""
    scale: float = 1.0
    """Standard deviation of the training split."""
    minimum: float = 0.0
    maximum: float = 0.0
    """Range of the training split."""
    dtype: Literal["float32", "float64"] = "float32"
    """The type of stored labels and of predictions: float64 where the mean is many deviations away from 0."""

    def numbers(self, values: pa.Array) -> NDArray[np.float64]:
        """(rows,) target -> numbers, NaN where unlabelled; DataError for a number beyond the range of float32."""
        numbers = as_numbers(values)
        numbers = np.where(np.isfinite(numbers), numbers, np.nan)
        if (huge := np.abs(numbers) > FLOAT32.max).any():
            raise DataError(
                f"task {self.name!r}: labels must fit in 32-bit floats, found {numbers[huge][0]:g} in {self.target!r}; "
                "quarantine the row, or give the target in a larger unit"
            )
        return numbers

    def encode(self, values: pa.Array) -> LabelValues:
        return self.numbers(values).astype(self.dtype)

    def exact(self, values: pa.Array) -> LabelValues:
        return self.numbers(values)

    def labelled(self, labels: Labels) -> Labels:
        labelled: Labels = labels == labels  # only NaN differs from itself
        return labelled


class NumberObjective(Objective, ABC):
    """Predictions in the target's unit."""

    codec: NumberCodec

    @property
    def scale(self) -> float:
        return self.codec.scale

    def standardised(self, labels: Tensor) -> Tensor:
        """(B,) labels -> (B,) float32 in deviations from the mean; 0 where unlabelled."""
        filled = labels.masked_fill(labels.isnan(), self.codec.mean)
        return ((filled - self.codec.mean) / self.codec.scale).float()

    def destandardised(self, standardised: Tensor) -> Tensor:
        """(B, ...) deviations from the mean -> (B, ...) numbers in the target's unit, of the codec's type."""
        return self.cast(standardised) * self.constant(self.codec.scale) + self.constant(self.codec.mean)

    def constant(self, number: float) -> float | Tensor:
        """A factor or summand of predictions; for float64 a tensor: the ONNX exporter rounds numbers to float32."""
        if self.codec.dtype == "float32":
            return number
        import torch

        return torch.tensor(number, dtype=torch.float64)

    def cast(self, values: Tensor) -> Tensor:
        """The values as float64 if the predictions are."""
        return values.double() if self.codec.dtype == "float64" else values

    @property
    def tree_offset(self) -> float:
        """Offset subtracted from the labels of tree models, since LightGBM stores labels in float32."""
        return self.codec.mean if self.codec.dtype == "float64" else 0.0

    def tree_logits(self, predictions: NDArray[Any]) -> NDArray[np.float32]:
        return self.to_logits(predictions.astype(np.float64) + self.tree_offset)

    @property
    def dtype_entry(self) -> dict[str, str]:
        """The entry of the signature for the type of predictions; none for float32."""
        return {} if self.codec.dtype == "float32" else {"dtype": self.codec.dtype}
