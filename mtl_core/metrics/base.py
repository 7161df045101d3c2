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
Values = Any
"""Labels or predictions: an `Array`, or a `Ragged` of lists; `len` is the number of rows. Metrics narrow the type."""
WeightedValue = Callable[[Array], float]
"""(rows,) row weights -> the metric's value."""


@dataclass(frozen=True, kw_only=True)
class Metric(ABC):
    """Over labelled rows only. Undefined is NaN: no row, or an AUC with one class only."""

    name: str
    higher_is_better: bool
    unit: str = ""
    """"" for a pure number, "target" for the unit of the task's target."""
    of_decision: bool = False
    """True if it depends on which class or label is predicted, and not on probabilities."""
    unsuitable: str = ""
    """Reason why no task may use it for early stopping; "" if one may."""

    @abstractmethod
    def weighted(self, labels: Values, predictions: Values) -> WeightedValue:
        """The value as a function of (rows,) weights; whatever does not depend on them is computed once."""

    def undefined(self, labels: Values) -> str:
        """Reason why these labels leave the metric undefined for any predictions; "" if they define it."""
        return "" if len(labels) else "no labelled row"

    def __call__(self, labels: Values, predictions: Values) -> float:
        """The metric's value, all rows weighted equally."""
        return self.weighted(labels, predictions)(np.ones(len(labels))) if len(labels) else float("nan")

    def oriented(self, value: float) -> float:
        """The value with its sign turned so that higher is better."""
        return value if self.higher_is_better else 0.0 - value  # not -0.0


@dataclass(frozen=True, kw_only=True)
class RowMean(Metric):
    """The weighted mean of one number per row, then a transform of it."""

    rows: Callable[[Values, Values], Array]
    transform: Callable[[float], float] = float

    def weighted(self, labels: Values, predictions: Values) -> WeightedValue:
        values = self.rows(labels, predictions).astype(np.float64)
        return lambda weights: self.transform(float(np.average(values, weights=weights)))


def needs_two_classes(labels: Array) -> str:
    """Reason why (rows,) labels leave undefined what compares classes."""
    return "" if len(np.unique(labels)) > 1 else "one class only"


def needs_positive(labels: Array) -> str:
    """Reason why (rows,) labels leave undefined what counts positive rows."""
    return "" if (labels == 1).any() else "no positive row"
