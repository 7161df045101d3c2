"""Report of a number in the unit of its target, and of its quantiles."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtl_core.report.outputs.base import Labels, TaskReport
from mtl_core.report.plots.figure import Figure, Table
from mtl_core.report.plots.numbers import observed_by_predicted, prediction_intervals, quantile_coverage, residuals
from mtl_core.report.run import Scored
from mtl_core.report.wording import number, percent, with_unit


@dataclass(frozen=True, kw_only=True)
class NumberReport(TaskReport):
    """Labels and predictions (rows,) in `unit`."""

    unit: str

    def baseline(self, prediction: NDArray[Any]) -> str:
        return self._text(prediction)

    def label_distribution(self, labels: Labels) -> Table:
        quantiles = [np.quantile(y, [0.1, 0.5, 0.9]) if len(y) else [None] * 3 for y in labels.values()]
        return Table(head=("10%", "median", "90%"), rows=tuple(tuple(map(number, line)) for line in quantiles))

    def summary(self, scored: Scored) -> list[str]:
        half, most = map(self._text, np.quantile(np.abs(scored.labels - scored.predictions), [0.5, 0.9]))
        return [f"Absolute error: median {half}, 90% quantile {most}."]

    def figures(self, scored: Scored) -> list[Figure]:
        return [plot(scored.labels, scored.predictions, self.unit) for plot in (observed_by_predicted, residuals)]

    def _text(self, value: Any) -> str:
        return with_unit(number(float(value), 3), self.unit)


@dataclass(frozen=True, kw_only=True)
class QuantileReport(NumberReport):
    """Labels (rows,), predictions (rows, levels); both in `unit`."""

    levels: tuple[float, ...]

    @property
    def middle(self) -> int:
        """Index of the level nearest the median."""
        return int(np.abs(np.asarray(self.levels) - 0.5).argmin())

    def baseline(self, prediction: NDArray[Any]) -> str:
        shown = dict.fromkeys((0, self.middle, len(prediction) - 1))
        return ", ".join(f"{self._text(prediction[index])} ({percent(self.levels[index])})" for index in shown)

    def summary(self, scored: Scored) -> list[str]:
        first, last = percent(self.levels[0]), percent(self.levels[-1])
        low, high = scored.predictions[:, 0], scored.predictions[:, -1]
        if len(self.levels) == 1:
            return [
                f"Observed values at or below the {first} quantile: {percent(float((scored.labels <= low).mean()))}."
            ]
        inside = percent(float(((low <= scored.labels) & (scored.labels <= high)).mean()))
        width, nominal = self._text(np.median((high - low).astype(np.float64))), self.levels[-1] - self.levels[0]
        return [f"Interval {first} to {last}: coverage {inside} (nominal: {percent(nominal)}), median width {width}."]

    def figures(self, scored: Scored) -> list[Figure]:
        labels, predictions = scored.labels, scored.predictions
        return [
            quantile_coverage(labels, predictions, self.levels),
            prediction_intervals(labels, predictions, self.levels, self.middle, self.unit),
        ]
