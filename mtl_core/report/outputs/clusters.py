"""Report of cluster probabilities."""

from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from mtl_core.report.outputs.base import SplitLabels, TaskReport
from mtl_core.report.outputs.classes import ClassReport
from mtl_core.report.plots.figure import Figure, Table, draw, histogram
from mtl_core.report.plots.probabilities import contingency
from mtl_core.report.plots.statistics import group_rare
from mtl_core.report.scored_rows import ScoredRows
from mtl_core.report.theme import ACCENT, WIDTH, data, percent_axis
from mtl_core.report.wording import integer, percent

_CONFIDENT = 0.9
_MAX_CELLS, _BINS = 10, 20


@dataclass(frozen=True, kw_only=True)
class ClusterReport(TaskReport):
    """Predictions (rows, clusters).

    Labels are (rows,) indices of the reference classes, one more for a class that training lacks; 0 without a target.
    """

    clusters: int
    classes: tuple[str, ...] = ()
    """Reference classes; none without a target."""

    def baseline(self, prediction: NDArray[Any]) -> str:
        return "equal probabilities"

    def label_distribution(self, labels: SplitLabels) -> Table:
        if not self.classes:
            return super().label_distribution(labels)
        return ClassReport(classes=self._names(np.concatenate([*labels.values()]))).label_distribution(labels)

    def summary(self, rows: ScoredRows) -> list[str]:
        sizes = self._sizes(rows) / len(rows.labels)
        smallest, largest = (percent(float(size)) for size in (sizes.min(), sizes.max()))
        confident = percent(float((rows.predictions.max(axis=1) >= _CONFIDENT).mean()))
        return [
            f"{self.clusters} clusters of {smallest} to {largest} of rows; {int((sizes == 0).sum())} empty.",
            f"Probability of {percent(_CONFIDENT)} or more in {confident} of rows.",
        ]

    def figures(self, rows: ScoredRows) -> list[Figure]:
        figures = [self._size_plot(rows), self._confidence(rows)]
        return [*figures, self._contingency(rows)] if self.classes else figures

    def _sizes(self, rows: ScoredRows) -> NDArray[Any]:
        return np.bincount(rows.predictions.argmax(axis=1), minlength=self.clusters)

    def _names(self, labels: NDArray[Any]) -> tuple[str, ...]:
        unseen = len(labels) > 0 and int(labels.max()) >= len(self.classes)
        return (*self.classes, "not in training") if unseen else self.classes

    def _size_plot(self, rows: ScoredRows) -> Figure:
        sizes, clusters = self._sizes(rows), [str(index) for index in range(self.clusters)]
        share = sizes / sizes.sum()
        bars = alt.Chart(data(cluster=clusters, share=share)).mark_bar(color=ACCENT, opacity=0.55)
        x = alt.X("cluster:O", sort=None, axis=alt.Axis(labelAngle=0, labelOverlap=True))
        y = alt.Y("share:Q", axis=percent_axis(title="rows"))
        chart = bars.encode(x=x, y=y).properties(width=WIDTH, height=235)
        columns = (("cluster", clusters), ("rows", map(integer, sizes)), ("share", map(percent, share)))
        return draw("Cluster sizes", "Share of rows whose most likely cluster it is.", chart, *columns)

    def _confidence(self, rows: ScoredRows) -> Figure:
        lowest = 1 / self.clusters
        values = np.clip(rows.predictions.max(axis=1).astype(np.float64), lowest, 1)  # rounding may exceed the bounds
        axis = percent_axis(title="probability of the most likely cluster")
        chart, columns = histogram(values, (lowest, 1), _BINS, axis)
        return draw(
            "Confidence",
            f"Probability of the most likely cluster. Median: {percent(float(np.median(values)))}; lowest possible: "
            f"{percent(lowest)}.",
            chart.properties(height=235),
            *((name, map(percent, columns[key])) for name, key in (("from", "low"), ("to", "high"))),
            ("rows", map(integer, columns["rows"])),
        )

    def _contingency(self, rows: ScoredRows) -> Figure:
        assigned = rows.predictions.argmax(axis=1)
        clusters, cluster_group = group_rare([str(index) for index in range(self.clusters)], assigned, _MAX_CELLS)
        classes, class_group = group_rare(self._names(rows.labels), rows.labels, _MAX_CELLS)
        bins = [np.arange(len(groups) + 1) for groups in (clusters, classes)]
        counts, _, _ = np.histogram2d(cluster_group[assigned], class_group[rows.labels], bins=bins)
        caption = "Rows: most likely cluster; columns: known class, not used in training; cells: share of the row."
        return contingency("Clusters and classes", caption, clusters, classes, counts, "cluster")
