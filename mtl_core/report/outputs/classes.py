"""Report of the probability of a positive class, and of class probabilities."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix

from mtl_core.metrics.decisions import decide
from mtl_core.report.outputs.base import SplitLabels, TaskReport
from mtl_core.report.plots.figure import Figure, Table
from mtl_core.report.plots.probabilities import calibration, contingency, cumulative_gains
from mtl_core.report.plots.statistics import gains_curve, group_rare
from mtl_core.report.scored_rows import ScoredRows
from mtl_core.report.wording import UNDEFINED, number, percent

_TOP = 0.1
_MAX_COLUMNS, _MAX_CELLS = 6, 10


@dataclass(frozen=True, kw_only=True)
class ProbabilityReport(TaskReport):
    """Labels 0 or 1, predictions in [0, 1]; both (rows,)."""

    threshold: float | None = None
    """Decision threshold; None if none is declared."""

    def baseline(self, prediction: NDArray[Any]) -> str:
        return percent(float(prediction))

    def label_distribution(self, labels: SplitLabels) -> Table:
        return Table(head=("positive",), rows=tuple((percent(y.mean() if len(y) else None),) for y in labels.values()))

    def summary(self, rows: ScoredRows) -> list[str]:
        if not rows.labels.any():
            return ["No positive row in the test split."]
        lines = []
        if not rows.labels.all():
            recall = np.interp(_TOP, *gains_curve(rows.predictions, rows.labels))
            lines.append(f"Top {percent(_TOP)} of rows by probability: {percent(float(recall))} of all positives.")
        if self.threshold is not None:
            is_predicted = decide(rows.predictions, self.threshold)
            rates = precision_and_recall(is_predicted, rows.labels == 1)
            share = percent(float(is_predicted.mean()))
            lines.append(f"Threshold {number(self.threshold, 3)}: {share} of rows predicted positive, {rates}.")
        return lines

    def figures(self, rows: ScoredRows) -> list[Figure]:
        figures = [calibration(rows.predictions, rows.labels, rows.uncalibrated, counted="rows")]
        if rows.labels.any() and not rows.labels.all():
            figures.append(cumulative_gains(rows.predictions, rows.labels))
        return figures


@dataclass(frozen=True, kw_only=True)
class ClassReport(TaskReport):
    """Labels (rows,) class indices, predictions (rows, classes)."""

    classes: tuple[str, ...]
    ordered: bool = False
    """True for an ordinal task."""

    def baseline(self, prediction: NDArray[Any]) -> str:
        index = int(prediction.argmax())
        return f"class frequencies, most frequent {self.classes[index]} ({percent(float(prediction[index]))})"

    def label_distribution(self, labels: SplitLabels) -> Table:
        names, group = group_rare(self.classes, np.concatenate([*labels.values()]), _MAX_COLUMNS)
        shares = (np.bincount(group[y], minlength=len(names)) / (len(y) or np.nan) for y in labels.values())
        return Table(head=names, rows=tuple(tuple(map(percent, line)) for line in shares))

    def summary(self, rows: ScoredRows) -> list[str]:
        distance = np.abs(rows.predictions.argmax(axis=1) - rows.labels.astype(np.int64))
        near = f", at most one step off in {percent(float((distance <= 1).mean()))}" if self.ordered else ""
        return [f"Most likely class correct in {percent(float((distance == 0).mean()))} of rows{near}."]

    def figures(self, rows: ScoredRows) -> list[Figure]:
        names, group = group_rare(self.classes, rows.labels, _MAX_CELLS)
        truth, predicted = group[rows.labels], group[rows.predictions.argmax(axis=1)]
        confusion = contingency(
            "Confusion matrix",
            "Rows: true class; columns: most likely class; cells: share of the row.",
            *(names, names, confusion_matrix(truth, predicted, labels=range(len(names)))),
            "true class",
        )
        is_class = np.arange(len(self.classes)) == rows.labels[:, None]  # (rows, classes)
        uncalibrated = None if rows.uncalibrated is None else rows.uncalibrated.ravel()
        predictions, outcomes = rows.predictions.ravel(), is_class.ravel()
        return [confusion, calibration(predictions, outcomes, uncalibrated, counted="rows x classes")]


def precision_and_recall(is_predicted: NDArray[Any], is_positive: NDArray[Any]) -> str:
    """Both in percent. Arrays of booleans of one shape; `is_positive` has a true entry."""
    true_positives = (is_predicted & is_positive).sum()
    precision = percent(true_positives / is_predicted.sum()) if is_predicted.any() else UNDEFINED
    return f"precision {precision}, recall {percent(true_positives / is_positive.sum())}"
