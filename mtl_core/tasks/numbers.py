"""Targets that are a number: standardised inside, in their own unit outside. What regression and quantiles share."""

from abc import ABC, abstractmethod

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor

from mtl_core.arrow import ColumnType, as_numbers
from mtl_core.errors import DataError
from mtl_core.features.running_stats import RunningStats
from mtl_core.tasks.base import FittedTask, LabelValues, Task, TaskFitter

__all__ = ["FittedNumber", "NumberFitter", "NumberTask"]

FLOAT32 = np.finfo(np.float32)
"""What labels are kept in."""


class NumberTask(Task, ABC):
    """A number. A null, NaN or an infinity is a row without a label."""

    kind: str

    @abstractmethod
    def fitted(self, name: str, kind_of_column: ColumnType, mean: float, scale: float) -> "FittedNumber":
        """The task with what was learned."""

    def fitter(self, name: str, kind_of_column: ColumnType) -> "NumberFitter":
        if kind_of_column == "string":
            raise DataError(
                f"task {name!r}: a task of kind {self.kind} needs a target of numbers, found text in {self.target!r}; "
                "declare it as kind: multiclass, or convert the column"
            )
        return NumberFitter(self, name, kind_of_column)

    def numbers(self, name: str, values: pa.Array) -> NDArray[np.float64]:
        """(rows,) target -> numbers, NaN where unlabelled; refuses what a label of 32 bits cannot hold."""
        numbers = as_numbers(values)
        numbers = np.where(np.isfinite(numbers), numbers, np.nan)
        if (huge := np.abs(numbers) > FLOAT32.max).any():
            raise DataError(
                f"task {name!r}: labels must fit in 32-bit floats, found {numbers[huge][0]:g} in {self.target!r}; "
                "set the row aside, or give the target in a larger unit"
            )
        return numbers


class NumberFitter(TaskFitter):
    """Mean and deviation of the target."""

    def __init__(self, options: NumberTask, name: str, kind_of_column: ColumnType) -> None:
        self.options, self.name, self.type = options, name, kind_of_column
        self.stats = RunningStats()

    def update(self, values: pa.Array) -> None:
        numbers = self.options.numbers(self.name, values)
        self.stats.update(numbers[~np.isnan(numbers)])

    def finish(self) -> "FittedNumber":
        seen = self.stats
        if seen.deviation <= max(FLOAT32.tiny, FLOAT32.eps * max(abs(seen.low), abs(seen.high))):
            raise DataError(
                f"task {self.name!r}: a task of kind {self.options.kind} needs a target that varies in the training "
                f"split, by more than 32-bit floats round away, found {seen.count} values with a deviation of "
                f"{seen.deviation:g} in {self.options.target!r}; check the target and the split, or give it in "
                "another unit"
            )
        return self.options.fitted(self.name, self.type, seen.mean, seen.deviation)


class FittedNumber(FittedTask, ABC):
    """Labels (rows,) float32 in the target's unit, NaN where unlabelled."""

    options: NumberTask
    mean: float
    scale: float

    def encode(self, values: pa.Array) -> LabelValues:
        return self.options.numbers(self.name, values).astype(np.float32)

    def labelled(self, labels: Tensor) -> Tensor:
        return ~labels.isnan()

    def standardised(self, labels: Tensor) -> Tensor:
        """(B,) labels in deviations from the mean; 0 where unlabelled."""
        known = torch.where(labels.isnan(), self.mean, labels)
        return (known - self.mean) / self.scale
