"""Report of a number in the unit of its target, and of its quantiles."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtl_core.report.outputs.base import SplitLabels, TaskReport
from mtl_core.report.plots.figure import Figure, Table
from mtl_core.report.plots.numbers import observed_by_predicted, prediction_intervals, quantile_coverage, residuals
from mtl_core.report.scored_rows import ScoredRows
from mtl_core.report.wording import number, percent, with_unit


@dataclass(frozen=True, kw_only=True)
class NumberReport(TaskReport):
    """Labels and predictions (rows,) in `unit`."""

    unit: str

    def baseline(self, prediction: NDArray[Any]) -> str:
        return self._text(prediction)

    def label_distribution(self, labels: SplitLabels) -> Table:
        quantiles = [np.quantile(y, [0.1, 0.5, 0.9]) if len(y) else [None] * 3 for y in labels.values()]
        return Table(head=("10%", "median", "90%"), rows=tuple(tuple(map(number, line)) for line in quantiles))

    def summary(self, rows: ScoredRows) -> list[str]:
        median, high = map(self._text, np.quantile(np.abs(rows.labels - rows.predictions), [0.5, 0.9]))
        return [f"Absolute error: median {median}, 90% quantile {high}."]

    def figures(self, rows: ScoredRows) -> list[Figure]:
        return [plot(rows.labels, rows.predictions, self.unit) for plot in (observed_by_predicted, residuals)]

    def _text(self, value: Any) -> str:
        return with_unit(number(float(value), 3), self.unit)


@dataclass(frozen=True, kw_only=True)
class QuantileReport(NumberReport):
    """Labels (rows,), predictions (rows, levels); both in `unit`."""

    levels: tuple[float, ...]

    @property
    def median_index(self) -> int:
        """Index of the level nearest the median."""
        return int(np.abs(np.asarray(self.levels) - 0.5).argmin())

    def baseline(self, prediction: NDArray[Any]) -> str:
        shown = dict.fromkeys((0, self.median_index, len(prediction) - 1))
        return ", ".join(f"{self._text(prediction[index])} ({percent(self.levels[index])})" for index in shown)

    def summary(self, rows: ScoredRows) -> list[str]:
        first, last = percent(self.levels[0]), percent(self.levels[-1])
        low, high = rows.predictions[:, 0], rows.predictions[:, -1]
        if len(self.levels) == 1:
            return [f"Observed values at or below the {first} quantile: {percent(float((rows.labels <= low).mean()))}."]
        coverage = percent(float(((low <= rows.labels) & (rows.labels <= high)).mean()))
        width, nominal = self._text(np.median((high - low).astype(np.float64))), self.levels[-1] - self.levels[0]
        return [f"Interval {first} to {last}: coverage {coverage} (nominal: {percent(nominal)}), median width {width}."]

    def figures(self, rows: ScoredRows) -> list[Figure]:
        labels, predictions = rows.labels, rows.predictions
        return [
            quantile_coverage(labels, predictions, self.levels),
            prediction_intervals(labels, predictions, self.levels, self.median_index, self.unit),
        ]
