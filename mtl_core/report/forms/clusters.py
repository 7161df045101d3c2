"""The probabilities of clusters: how large are they, how sure is a row's, and do they agree with known classes?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from mtl_core.report.forms.base import Balance, Figure, Form
from mtl_core.report.forms.classes import Classes
from mtl_core.report.forms.groups import commonest
from mtl_core.report.forms.heat_map import heat_map, shares_of
from mtl_core.report.forms.histogram import columns_of, histogram
from mtl_core.report.run import Scored
from mtl_core.report.theme import ACCENT, WIDTH, data, shares, svg
from mtl_core.report.wording import percent

__all__ = ["Clusters"]

_SURE = 0.9
_MOST_BARS = 30
_MOST_CELLS = 10
_COLUMNS = 20


@dataclass(frozen=True, kw_only=True)
class Clusters(Form):
    """Predictions (rows, clusters) probabilities. Labels (rows,) positions of classes, one more for a class that was
    not in training; all 0 where there is no target to compare with.
    """

    clusters: int
    classes: tuple[str, ...] = ()
    """Of the target; none where there is none."""

    def trivial(self, one: NDArray[Any]) -> str:
        return "the same probabilities for every row, which tell none apart"

    def balance(self, labels: Mapping[str, NDArray[Any]]) -> Balance:
        if not self.classes:
            return Balance(head=(), rows=dict.fromkeys(labels, ()))
        return Classes(classes=self._named(np.concatenate([*labels.values()]))).balance(labels)

    def sentence(self, scored: Scored) -> str:
        counts = self._counts(scored)
        empty = int((counts == 0).sum())
        none = f" {empty} of {self.clusters} clusters {'has' if empty == 1 else 'have'} none." if empty else ""
        sure = float((scored.predictions.max(axis=1) >= _SURE).mean())
        return (
            f"The largest of its {self.clusters} clusters has {percent(float(counts.max() / counts.sum()))} of rows, "
            f"the smallest {percent(float(counts.min() / counts.sum()))}.{none} A row's cluster has a probability of "
            f"{percent(_SURE)} or more in {percent(sure)} of rows."
        )

    def figures(self, scored: Scored) -> tuple[Figure, ...]:
        against = (self._against(scored),) if self.classes else ()
        return (self._sizes(scored), self._sureness(scored), *against)

    def _counts(self, scored: Scored) -> NDArray[Any]:
        return np.bincount(scored.predictions.argmax(axis=1), minlength=self.clusters)

    def _named(self, labels: NDArray[Any]) -> tuple[str, ...]:
        new = len(labels) > 0 and int(labels.max()) >= len(self.classes)
        return (*self.classes, "not in training") if new else self.classes

    def _sizes(self, scored: Scored) -> Figure:
        counts, sure = self._counts(scored), scored.predictions.max(axis=1)
        sums = np.bincount(scored.predictions.argmax(axis=1), weights=sure, minlength=self.clusters)
        kept = np.sort(np.argsort(-counts, kind="stable")[:_MOST_BARS])
        part = counts / counts.sum()
        title = "How large are the clusters?"
        caption = "The share of the test rows for which each cluster is the likeliest, by the number of the cluster."
        if len(kept) < self.clusters:
            caption += (
                f" Drawn are the {len(kept)} largest of {self.clusters:,}; the others have "
                f"{percent(float(1 - part[kept].sum()))} of rows together."
            )
        rows = [{"cluster": str(one), "share": float(part[one])} for one in kept]
        x = alt.X("cluster:O", sort=None, axis=alt.Axis(title="cluster", labelAngle=0, labelOverlap=True))
        y = alt.Y("share:Q", axis=shares(title="rows"))
        bars = alt.Chart(data(rows)).mark_bar(color=ACCENT, opacity=0.55).encode(x=x, y=y)
        return Figure(
            title=title,
            caption=caption,
            svg=svg(bars.properties(width=WIDTH - 60, height=235), f"{title} {caption}"),
            head=("cluster", "rows", "share", "mean probability there"),
            rows=tuple(
                (
                    str(one),
                    f"{counts[one]:,}",
                    percent(float(part[one])),
                    percent(float(sums[one] / counts[one]) if counts[one] else None),
                )
                for one in kept
            ),
        )

    def _sureness(self, scored: Scored) -> Figure:
        # Rounding may leave a probability a hair beyond its bounds, 1/clusters and 1.
        least = 1 / self.clusters
        sure = np.clip(scored.predictions.max(axis=1).astype(np.float64), least, 1)
        title = "How sure is a row's cluster?"
        caption = (
            f"The probability of the likeliest cluster, row by row: {percent(float(np.median(sure)))} in the median. "
            f"At {percent(least)}, on the far left, all clusters are equally likely."
        )
        columns = columns_of(sure, least, 1, _COLUMNS)
        chart = histogram(
            columns,
            across=shares(title="probability of the likeliest cluster"),
            up=alt.Axis(title="rows", format=",d", tickCount=5),
            height=235,
        )
        return Figure(
            title=title,
            caption=caption,
            svg=svg(chart, f"{title} {caption}"),
            head=("from", "to", "rows"),
            rows=tuple((percent(one["from"]), percent(one["to"]), f"{one['n']:,}") for one in columns),
        )

    def _against(self, scored: Scored) -> Figure:
        chosen, names = scored.predictions.argmax(axis=1), self._named(scored.labels)
        lines = commonest([str(one) for one in range(self.clusters)], self._counts(scored), _MOST_CELLS)
        columns = commonest(names, np.bincount(scored.labels, minlength=len(names)), _MOST_CELLS)
        part, common = shares_of(lines.table(columns, chosen, scored.labels))
        title = "Do the clusters agree with the known classes?"
        caption = (
            "Of the rows in the cluster on the left, the share that each class has; every line adds up to 100%. The "
            "classes taught it nothing. On the left, how many of the test rows the cluster has."
        )
        return Figure(
            title=title,
            caption=caption,
            svg=svg(heat_map(lines.names, columns.names, part, common), f"{title} {caption}"),
            head=("cluster", "share of rows", *columns.names),
            rows=tuple(
                (name, percent(float(share)), *(percent(float(cell)) for cell in line))
                for name, share, line in zip(lines.names, common, part, strict=True)
            ),
        )
