"""Report of label probabilities, any number of which may apply."""

from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from mtl_core.metrics.decisions import decide
from mtl_core.metrics.ranking import auc
from mtl_core.report.outputs.base import Labels, TaskReport
from mtl_core.report.outputs.classes import precision_and_recall
from mtl_core.report.plots.figure import Figure, Table, draw, interval_plot
from mtl_core.report.plots.probabilities import calibration
from mtl_core.report.plots.statistics import auc_interval
from mtl_core.report.run import Scored
from mtl_core.report.wording import UNDEFINED, interval, number, percent, rounded
from mtl_core.tasks.decisions import DEFAULT_THRESHOLD

_MAX_COLUMNS, _MAX_LABELS = 4, 20


@dataclass(frozen=True, kw_only=True)
class LabelReport(TaskReport):
    """Labels (rows, labels) 1, 0, or -1 where unknown; predictions (rows, labels)."""

    labels: tuple[str, ...]
    thresholds: tuple[float, ...] = ()
    """Per label; none where none is declared."""

    def baseline(self, prediction: NDArray[Any]) -> str:
        index = int(prediction.argmax())
        return f"label frequencies, most frequent {self.labels[index]} ({percent(float(prediction[index]))})"

    def label_distribution(self, labels: Labels) -> Table:
        kept = _most_frequent(_frequencies(np.concatenate([*labels.values()])), _MAX_COLUMNS)
        rows = []
        for values in map(_frequencies, labels.values()):
            rows.append((*(percent(float(values[index])) for index in kept), number(float(values.sum()), 3)))
        return Table(head=(*(self.labels[index] for index in kept), "labels per row"), rows=tuple(rows))

    def summary(self, scored: Scored) -> list[str]:
        positive = scored.labels == 1
        if not positive.any():
            return ["No positive label in the test split."]
        thresholds = self.thresholds or (DEFAULT_THRESHOLD,)
        decided = decide(scored.predictions, np.asarray(thresholds)) & (scored.labels >= 0)
        low, high = (number(bound, 3) for bound in (min(thresholds), max(thresholds)))
        name = f"Threshold {low}" if low == high else f"Thresholds {low} to {high}"
        return [f"{name}, over all labels: {precision_and_recall(decided, positive)}."]

    def figures(self, scored: Scored) -> list[Figure]:
        known = scored.labels >= 0
        before = None if scored.uncalibrated is None else scored.uncalibrated[known]
        reliability = calibration(scored.predictions[known], scored.labels[known], before, counted="rows x labels")
        return [self._auc_plot(scored), reliability]

    def _auc_plot(self, scored: Scored) -> Figure:
        frequencies = _frequencies(scored.labels)
        kept = _most_frequent(frequencies, _MAX_LABELS)
        names, labels, predictions = [self.labels[i] for i in kept], scored.labels[:, kept], scored.predictions[:, kept]
        positive, negative = ((labels == value).sum(axis=0) for value in (1, 0))
        values = np.array([auc(labels[:, index], predictions[:, index])(None) for index in range(len(kept))])
        low, high = auc_interval(values, np.maximum(positive, 1), np.maximum(negative, 1))
        bounds = (interval(a, b, 3) if np.isfinite(a) else UNDEFINED for a, b in zip(low, high, strict=True))
        shown = f" The {len(kept)} most frequent of {len(self.labels):,} labels." * (len(kept) < len(self.labels))
        start = np.floor(10 * np.nanmin([0.5, *low])) / 10
        x = alt.X("value:Q", scale=alt.Scale(domain=[start, 1], nice=False), axis=alt.Axis(title="AUC", tickCount=5))
        return draw(
            "AUC per label",
            f"With 95% intervals. Dashed: random order (0.5).{shown}",
            interval_plot(names, np.stack([values, low, high], axis=1).tolist(), x, 0.5),
            ("label", names),
            ("share of rows", map(percent, frequencies[kept])),
            ("AUC", (rounded(value, 3) for value in values)),
            ("95% interval", bounds),
        )


def _frequencies(labels: NDArray[Any]) -> NDArray[Any]:
    """(rows, labels) -> (labels,) share of 1 among the known; NaN where none is known."""
    known = (labels >= 0).sum(axis=0)
    return np.where(known > 0, (labels == 1).sum(axis=0) / np.maximum(known, 1), np.nan)


def _most_frequent(frequencies: NDArray[Any], count: int) -> list[int]:
    """Indices of the labels, NaN last."""
    ordered: list[int] = np.argsort(-np.nan_to_num(frequencies, nan=-1.0), kind="stable")[:count].tolist()
    return ordered
