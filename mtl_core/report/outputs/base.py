"""Base class of the reports by the output type of a task."""

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from mtl_core.report.plots.figure import Figure, Table
from mtl_core.report.scored_rows import ScoredRows

SplitLabels = Mapping[str, Any]
"""Split -> (rows, ...) labels, without unlabelled rows; of a tagging task a `Ragged`."""


class TaskReport:
    """Texts and plots of a task. The base class is for an unknown output type, which has metrics only."""

    def baseline(self, prediction: NDArray[Any]) -> str:
        """Text of the constant prediction of the baseline, () or (classes,)."""
        return "the best constant"

    def label_distribution(self, labels: SplitLabels) -> Table:
        """A row of statistics per split."""
        return Table(head=(), rows=((),) * len(labels))

    def summary(self, rows: ScoredRows) -> list[str]:
        """Further results on the test split, a line each; needs at least one row."""
        return []

    def figures(self, rows: ScoredRows) -> list[Figure]:
        """Plots of the test split; needs at least one row."""
        return []

    def examples(self, rows: ScoredRows) -> dict[str, Table]:
        """Kind of error -> some errors of the test split; needs at least one row."""
        return {}
