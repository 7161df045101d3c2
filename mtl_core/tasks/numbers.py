"""Numeric targets: standardised in the network, predicted in their own unit. Shared by regression and quantiles."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from mtl_core.arrow import ColumnType, as_numbers
from mtl_core.errors import DataError
from mtl_core.features.running_stats import RunningStats
from mtl_core.tasks.base import Codec, Labels, LabelValues, Objective, Task, TaskFitter

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

__all__ = ["NumberCodec", "NumberObjective", "NumberTask"]

FLOAT32 = np.finfo(np.float32)
"""The type of stored labels."""


class NumberTask(Task, ABC):
    """A number. A null, NaN or an infinity is a row without a label."""

    kind: str

    @abstractmethod
    def codec(self, **fields: Any) -> NumberCodec:
        """The codec with those fields."""

    def fitter(self, name: str, column_type: ColumnType) -> NumberFitter:
        if column_type == "string":
            raise DataError(
                f"task {name!r}: a task of kind {self.kind} needs a target of numbers, found text in {self.target!r}; "
                "declare it as kind: multiclass, or convert the column"
            )
        fields = {"targets": self.targets, "weight_column": self.weight_column}
        return NumberFitter(self.codec(name=name, type=column_type, **fields))


class NumberFitter(TaskFitter):
    """Mean, deviation and minimum of the target."""

    def __init__(self, codec: NumberCodec) -> None:
        self.codec, self.stats = codec, RunningStats()

    def update(self, values: pa.Array) -> None:
        numbers = self.codec.numbers(values)
        self.stats.update(numbers[~np.isnan(numbers)])

    def finish(self) -> NumberCodec:
        seen = self.stats
        if seen.deviation <= max(FLOAT32.tiny, FLOAT32.eps * max(abs(seen.low), abs(seen.high))):
            raise DataError(
                f"task {self.codec.name!r}: a task of kind {self.codec.kind} needs a target that varies in the "
                f"training split, by more than 32-bit floats round away, found {seen.count} values with a deviation of "
                f"{seen.deviation:g} in {self.codec.target!r}; check the target and the split, or give it in "
                "another unit"
            )
        return self.codec.model_copy(update={"mean": seen.mean, "scale": seen.deviation, "minimum": seen.low})


class NumberCodec(Codec, ABC):
    """Labels (rows,) float32 in the target's unit, NaN where unlabelled."""

    mean: float = 0.0
    """Mean of the training split."""
    scale: float = 1.0
    """Standard deviation of the training split."""
    minimum: float = 0.0
    """Minimum of the training split."""

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
        return self.numbers(values).astype(np.float32)

    def labelled(self, labels: Labels) -> Labels:
        labelled: Labels = labels == labels  # only NaN differs from itself
        return labelled


class NumberObjective(Objective, ABC):
    """Predictions in the target's unit."""

    codec: NumberCodec

    def standardised(self, labels: Tensor) -> Tensor:
        """(B,) labels in deviations from the mean; 0 where unlabelled."""
        known = labels.masked_fill(labels.isnan(), self.codec.mean)
        return (known - self.codec.mean) / self.codec.scale
