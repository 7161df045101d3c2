"""The contract of a metric: a number from labels and predictions, and its direction.

The tests compare all metrics with scikit-learn's.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Value = Callable[[Array | None], float]
"""A metric's value as a function of row weights."""


@dataclass(frozen=True, kw_only=True)
class Metric(ABC):
    """Over labelled rows only. Undefined is NaN: no row, or an AUC with one class only."""

    name: str
    higher_is_better: bool
    unit: str = ""
    """"" for a pure number, "target" for the unit of the task's target."""
    of_decision: bool = False
    """True if it depends on which class or label is predicted, and not on probabilities."""
    unfit: str = ""
    """Reason why no task may stop on it; "" where one may."""

    @abstractmethod
    def on(self, labels: Array, predictions: Array) -> Value:
        """The value as a function of (rows,) weights, None for all equal; the rest is computed once."""

    def undefined(self, labels: Array) -> str:
        """Reason why these labels leave the metric undefined for any predictions; "" where they define it."""
        return "" if len(labels) else "no labelled row"

    def __call__(self, labels: Array, predictions: Array) -> float:
        """The metric's value."""
        return self.on(labels, predictions)(None) if len(labels) else float("nan")

    def oriented(self, value: float) -> float:
        """The value with its sign turned so that higher is better."""
        return value if self.higher_is_better else 0.0 - value  # not -0.0


@dataclass(frozen=True, kw_only=True)
class RowMean(Metric):
    """The weighted mean of one number per row, then a transform of it."""

    rows: Callable[[Array, Array], Array]
    transform: Callable[[float], float] = float

    def on(self, labels: Array, predictions: Array) -> Value:
        values = self.rows(labels, predictions).astype(np.float64)
        return lambda weights: self.transform(float(np.average(values, weights=weights)))


@dataclass(frozen=True, kw_only=True)
class Weighted(Metric):
    """Any other function of labels, predictions and weights."""

    function: Callable[[Array, Array, Array | None], float]

    def on(self, labels: Array, predictions: Array) -> Value:
        return lambda weights: float(self.function(labels, predictions, weights))
