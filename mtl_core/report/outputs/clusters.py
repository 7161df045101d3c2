"""Report of cluster probabilities."""

from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from mtl_core.report.outputs.base import Labels, TaskReport
from mtl_core.report.outputs.classes import ClassReport
from mtl_core.report.plots.figure import Figure, Table, draw, histogram
from mtl_core.report.plots.probabilities import contingency
from mtl_core.report.plots.statistics import group_rare
from mtl_core.report.run import Scored
from mtl_core.report.theme import ACCENT, WIDTH, data, shares
from mtl_core.report.wording import integer, percent

_CONFIDENT = 0.9
_MAX_CELLS, _BINS = 10, 20


@dataclass(frozen=True, kw_only=True)
class ClusterReport(TaskReport):
    """Predictions (rows, clusters) and labels, for the report.

    Labels are (rows,) class indices, one more for a class that training lacks; all 0 without a target.
    """

    clusters: int
    classes: tuple[str, ...] = ()
    """Known classes; none without a target."""

    def baseline(self, prediction: NDArray[Any]) -> str:
        return "equal probabilities"

    def label_distribution(self, labels: Labels) -> Table:
        if not self.classes:
            return super().label_distribution(labels)
        return ClassReport(classes=self._names(np.concatenate([*labels.values()]))).label_distribution(labels)

    def summary(self, scored: Scored) -> list[str]:
        sizes = self._sizes(scored) / len(scored.labels)
        smallest, largest = (percent(float(size)) for size in (sizes.min(), sizes.max()))
        confident = percent(float((scored.predictions.max(axis=1) >= _CONFIDENT).mean()))
        return [
            f"{self.clusters} clusters of {smallest} to {largest} of rows; {int((sizes == 0).sum())} empty.",
            f"Probability of {percent(_CONFIDENT)} or more in {confident} of rows.",
        ]

    def figures(self, scored: Scored) -> list[Figure]:
        figures = [self._size_plot(scored), self._confidence(scored)]
        return [*figures, self._contingency(scored)] if self.classes else figures

    def _sizes(self, scored: Scored) -> NDArray[Any]:
        return np.bincount(scored.predictions.argmax(axis=1), minlength=self.clusters)

    def _names(self, labels: NDArray[Any]) -> tuple[str, ...]:
        unseen = len(labels) > 0 and int(labels.max()) >= len(self.classes)
        return (*self.classes, "not in training") if unseen else self.classes

    def _size_plot(self, scored: Scored) -> Figure:
        sizes, clusters = self._sizes(scored), [str(index) for index in range(self.clusters)]
        share = sizes / sizes.sum()
        bars = alt.Chart(data(cluster=clusters, share=share)).mark_bar(color=ACCENT, opacity=0.55)
        x = alt.X("cluster:O", sort=None, axis=alt.Axis(labelAngle=0, labelOverlap=True))
        chart = bars.encode(x=x, y=alt.Y("share:Q", axis=shares(title="rows"))).properties(width=WIDTH, height=235)
        columns = (("cluster", clusters), ("rows", map(integer, sizes)), ("share", map(percent, share)))
        return draw("Cluster sizes", "Share of rows whose most likely cluster it is.", chart, *columns)

    def _confidence(self, scored: Scored) -> Figure:
        lowest = 1 / self.clusters
        values = np.clip(scored.predictions.max(axis=1).astype(np.float64), lowest, 1)  # rounding exceeds the bounds
        axis = shares(title="probability of the most likely cluster")
        chart, columns = histogram(values, (lowest, 1), _BINS, axis)
        return draw(
            "Confidence",
            f"Probability of the most likely cluster. Median: {percent(float(np.median(values)))}; lowest possible: "
            f"{percent(lowest)}.",
            chart.properties(height=235),
            *((name, map(percent, columns[key])) for name, key in (("from", "low"), ("to", "high"))),
            ("rows", map(integer, columns["rows"])),
        )

    def _contingency(self, scored: Scored) -> Figure:
        names, chosen = self._names(scored.labels), scored.predictions.argmax(axis=1)
        clusters, cluster = group_rare([str(index) for index in range(self.clusters)], chosen, _MAX_CELLS)
        classes, known = group_rare(names, scored.labels, _MAX_CELLS)
        bins = [np.arange(len(groups) + 1) for groups in (clusters, classes)]
        counts, _, _ = np.histogram2d(cluster[chosen], known[scored.labels], bins=bins)
        caption = "Rows: most likely cluster; columns: known class, not used in training; cells: share of the row."
        return contingency("Clusters and classes", caption, clusters, classes, counts, "cluster")
