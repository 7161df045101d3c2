"""The part of the report that depends on the form of a task's predictions."""

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from mtl_core.report.plots.figure import Figure, Table
from mtl_core.report.run import Scored

Labels = Mapping[str, NDArray[Any]]
"""Split -> (rows, ...) labels, without unlabelled rows."""


class TaskReport:
    """Texts and plots of one task; these of an unknown form, which has metrics only."""

    def baseline(self, prediction: NDArray[Any]) -> str:
        """Text of the baseline's prediction, () or (classes,), which is the same for every row."""
        return "the best constant"

    def label_distribution(self, labels: Labels) -> Table:
        """A row of statistics per split."""
        return Table(head=(), rows=((),) * len(labels))

    def summary(self, scored: Scored) -> list[str]:
        """Further results on the test split, a line each; at least one row."""
        return []

    def figures(self, scored: Scored) -> list[Figure]:
        """Plots of the test split; at least one row."""
        return []
