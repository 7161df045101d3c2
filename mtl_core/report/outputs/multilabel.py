"""Report of label probabilities, any number of which may apply."""

from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from mtl_core.metrics.decisions import decide
from mtl_core.metrics.ranking import auc
from mtl_core.report.outputs.base import SplitLabels, TaskReport
from mtl_core.report.outputs.classes import precision_and_recall
from mtl_core.report.plots.figure import Figure, Table, draw, interval_plot
from mtl_core.report.plots.probabilities import calibration
from mtl_core.report.plots.statistics import auc_interval
from mtl_core.report.scored_rows import ScoredRows
from mtl_core.report.wording import UNDEFINED, interval, number, percent, rounded
from mtl_core.tasks.decisions import DEFAULT_THRESHOLD

_MAX_COLUMNS, _MAX_LABELS = 4, 20


@dataclass(frozen=True, kw_only=True)
class LabelReport(TaskReport):
    """Labels (rows, labels) 1, 0, or -1 where unknown; predictions (rows, labels)."""

    labels: tuple[str, ...]
    thresholds: tuple[float, ...] = ()
    """Per label; none if none is declared."""

    def baseline(self, prediction: NDArray[Any]) -> str:
        index = int(prediction.argmax())
        return f"label frequencies, most frequent {self.labels[index]} ({percent(float(prediction[index]))})"

    def label_distribution(self, labels: SplitLabels) -> Table:
        shown = _most_frequent(_frequencies(np.concatenate([*labels.values()])), _MAX_COLUMNS)
        rows = []
        for values in map(_frequencies, labels.values()):
            rows.append((*(percent(float(values[index])) for index in shown), number(float(values.sum()), 3)))
        return Table(head=(*(self.labels[index] for index in shown), "labels per row"), rows=tuple(rows))

    def summary(self, rows: ScoredRows) -> list[str]:
        is_positive = rows.labels == 1
        if not is_positive.any():
            return ["No positive label in the test split."]
        thresholds = self.thresholds or (DEFAULT_THRESHOLD,)
        is_predicted = decide(rows.predictions, np.asarray(thresholds)) & (rows.labels >= 0)
        low, high = (number(bound, 3) for bound in (min(thresholds), max(thresholds)))
        name = f"Threshold {low}" if low == high else f"Thresholds {low} to {high}"
        return [f"{name}, over all labels: {precision_and_recall(is_predicted, is_positive)}."]

    def figures(self, rows: ScoredRows) -> list[Figure]:
        is_labelled = rows.labels >= 0
        uncalibrated = None if rows.uncalibrated is None else rows.uncalibrated[is_labelled]
        predictions, labels = rows.predictions[is_labelled], rows.labels[is_labelled]
        return [self._auc_plot(rows), calibration(predictions, labels, uncalibrated, counted="rows x labels")]

    def _auc_plot(self, rows: ScoredRows) -> Figure:
        frequencies = _frequencies(rows.labels)
        shown = _most_frequent(frequencies, _MAX_LABELS)
        names, labels, predictions = [self.labels[i] for i in shown], rows.labels[:, shown], rows.predictions[:, shown]
        positive, negative = ((labels == value).sum(axis=0) for value in (1, 0))
        weights = np.ones(len(labels))
        values = np.array([auc(labels[:, index], predictions[:, index])(weights) for index in range(len(shown))])
        low, high = auc_interval(values, np.maximum(positive, 1), np.maximum(negative, 1))
        bounds = (interval(a, b, 3) if np.isfinite(a) else UNDEFINED for a, b in zip(low, high, strict=True))
        note = f" The {len(shown)} most frequent of {len(self.labels):,} labels." * (len(shown) < len(self.labels))
        start = np.floor(10 * np.nanmin([0.5, *low])) / 10
        x = alt.X("value:Q", scale=alt.Scale(domain=[start, 1], nice=False), axis=alt.Axis(title="AUC", tickCount=5))
        return draw(
            "AUC per label",
            f"With 95% intervals. Dashed: random order (0.5).{note}",
            interval_plot(names, np.stack([values, low, high], axis=1).tolist(), x, 0.5),
            ("label", names),
            ("share of rows", map(percent, frequencies[shown])),
            ("AUC", (rounded(value, 3) for value in values)),
            ("95% interval", bounds),
        )


def _frequencies(labels: NDArray[Any]) -> NDArray[Any]:
    """(rows, labels) -> (labels,) share of 1 among the labelled rows; NaN without any."""
    labelled = (labels >= 0).sum(axis=0)
    return np.where(labelled > 0, (labels == 1).sum(axis=0) / np.maximum(labelled, 1), np.nan)


def _most_frequent(frequencies: NDArray[Any], count: int) -> list[int]:
    """Indices of the labels, NaN last."""
    ordered: list[int] = np.argsort(-np.nan_to_num(frequencies, nan=-1.0), kind="stable")[:count].tolist()
    return ordered
