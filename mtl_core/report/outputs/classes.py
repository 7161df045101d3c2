"""Report of the probability of a positive class, and of class probabilities."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix

from mtl_core.metrics.decisions import decide
from mtl_core.report.outputs.base import Labels, TaskReport
from mtl_core.report.plots.figure import Figure, Table
from mtl_core.report.plots.probabilities import calibration, contingency, cumulative_gains
from mtl_core.report.plots.statistics import gains_curve, group_rare
from mtl_core.report.run import Scored
from mtl_core.report.wording import UNDEFINED, number, percent

_TOP = 0.1
_MAX_COLUMNS, _MAX_CELLS = 6, 10


@dataclass(frozen=True, kw_only=True)
class ProbabilityReport(TaskReport):
    """Labels 0 or 1, predictions in [0, 1]; both (rows,)."""

    threshold: float | None = None
    """Decision threshold; None where none is declared."""

    def baseline(self, prediction: NDArray[Any]) -> str:
        return percent(float(prediction))

    def label_distribution(self, labels: Labels) -> Table:
        return Table(head=("positive",), rows=tuple((percent(y.mean() if len(y) else None),) for y in labels.values()))

    def summary(self, scored: Scored) -> list[str]:
        if not scored.labels.any():
            return ["No positive row in the test split."]
        lines = []
        if not scored.labels.all():
            found = np.interp(_TOP, *gains_curve(scored.predictions, scored.labels))
            lines.append(f"Top {percent(_TOP)} of rows by probability: {percent(float(found))} of all positives.")
        if self.threshold is not None:
            decided = decide(scored.predictions, self.threshold)
            rates = precision_and_recall(decided, scored.labels == 1)
            share = percent(float(decided.mean()))
            lines.append(f"Threshold {number(self.threshold, 3)}: {share} of rows predicted positive, {rates}.")
        return lines

    def figures(self, scored: Scored) -> list[Figure]:
        figures = [calibration(scored.predictions, scored.labels, scored.uncalibrated, counted="rows")]
        if scored.labels.any() and not scored.labels.all():
            figures.append(cumulative_gains(scored.predictions, scored.labels))
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

    def label_distribution(self, labels: Labels) -> Table:
        names, group = group_rare(self.classes, np.concatenate([*labels.values()]), _MAX_COLUMNS)
        counts = (np.bincount(group[y], minlength=len(names)) / (len(y) or np.nan) for y in labels.values())
        return Table(head=names, rows=tuple(tuple(map(percent, shares)) for shares in counts))

    def summary(self, scored: Scored) -> list[str]:
        steps = np.abs(scored.predictions.argmax(axis=1) - scored.labels.astype(np.int64))
        near = f", at most one step off in {percent(float((steps <= 1).mean()))}" if self.ordered else ""
        return [f"Most likely class correct in {percent(float((steps == 0).mean()))} of rows{near}."]

    def figures(self, scored: Scored) -> list[Figure]:
        names, group = group_rare(self.classes, scored.labels, _MAX_CELLS)
        truth, predicted = group[scored.labels], group[scored.predictions.argmax(axis=1)]
        confusion = contingency(
            "Confusion matrix",
            "Rows: true class; columns: most likely class; cells: share of the row.",
            *(names, names, confusion_matrix(truth, predicted, labels=range(len(names)))),
            "true class",
        )
        outcome = np.arange(len(self.classes)) == scored.labels[:, None]  # (rows, classes)
        before = None if scored.uncalibrated is None else scored.uncalibrated.ravel()
        return [confusion, calibration(scored.predictions.ravel(), outcome.ravel(), before, counted="rows x classes")]


def precision_and_recall(decided: NDArray[Any], positive: NDArray[Any]) -> str:
    """Both in percent. Arrays of booleans of one shape; `positive` has a true entry."""
    right = (decided & positive).sum()
    precision = percent(right / decided.sum()) if decided.any() else UNDEFINED
    return f"precision {precision}, recall {percent(right / positive.sum())}"
