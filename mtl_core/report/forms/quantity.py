"""A number in the user's unit: does it follow what happens, and how far off is it?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from mtl_core.report.forms.base import Balance, Figure, Form
from mtl_core.report.forms.bins import fan
from mtl_core.report.run import Scored
from mtl_core.report.theme import ACCENT, INK, MUTED, SECOND, WIDTH, data, svg
from mtl_core.report.wording import NOTHING, number, percent, with_unit

__all__ = ["Quantity"]

_COLUMNS = 40
_SHOWN = (0.01, 0.99)


@dataclass(frozen=True, kw_only=True)
class Quantity(Form):
    """Labels and predictions (rows,) in `unit`."""

    unit: str

    def trivial(self, one: NDArray[Any]) -> str:
        return f"{with_unit(number(float(one), 3), self.unit)} for every row"

    def balance(self, labels: Mapping[str, NDArray[Any]]) -> Balance:
        def cells(y: NDArray[Any]) -> tuple[str, ...]:
            return tuple(number(float(q)) for q in np.quantile(y, [0.1, 0.5, 0.9])) if len(y) else (NOTHING,) * 3

        return Balance(
            head=("10% below", "median", "90% below"),
            rows={split: cells(y) for split, y in labels.items()},
            unit=self.unit,
        )

    def sentence(self, scored: Scored) -> str:
        half, most = np.quantile(np.abs(scored.labels - scored.predictions), [0.5, 0.9])
        return (
            f"Half of all predictions are within {with_unit(number(float(half), 3), self.unit)} of the truth, "
            f"nine in ten within {number(float(most), 3)}."
        )

    def figures(self, scored: Scored) -> tuple[Figure, ...]:
        return (self._fan(scored), self._residuals(scored))

    def _fan(self, scored: Scored) -> Figure:
        found = fan(scored.predictions, scored.labels)
        title = "What happened where this was predicted?"
        caption = (
            "Rows in bins of similar prediction. Line: the median of what happened; dark band: the middle half; light "
            "band: the middle 80%. On the dashed line, what happened is what was predicted."
        )
        keys = ("q10", "q25", "q50", "q75", "q90")
        rows = [
            {"predicted": float(p), **dict(zip(keys, map(float, line), strict=True))}
            for p, line in zip(found.predicted, found.actual, strict=True)
        ]
        x = alt.X("predicted:Q", scale=alt.Scale(zero=False, nice=False), axis=self._axis("predicted"))
        y = alt.Scale(zero=False)
        base = alt.Chart(data(rows)).encode(x=x)
        wide, middle = (
            base.mark_area(color=ACCENT, opacity=opacity).encode(
                y=alt.Y(f"{low}:Q", scale=y, axis=self._axis("what happened")), y2=f"{high}:Q"
            )
            for low, high, opacity in (("q10", "q90", 0.16), ("q25", "q75", 0.28))
        )
        median = base.mark_line(color=ACCENT, strokeWidth=2, point={"color": ACCENT, "size": 18, "opacity": 1})
        diagonal = base.mark_line(color=INK, strokeDash=[4, 4], strokeWidth=1).encode(y=alt.Y("predicted:Q", scale=y))
        chart = alt.layer(wide, middle, diagonal, median.encode(y=alt.Y("q50:Q", scale=y)))
        return Figure(
            title=title,
            caption=caption,
            svg=svg(chart.properties(width=WIDTH - 60, height=250), f"{title} {caption}"),
            head=("predicted", "10%", "25%", "median", "75%", "90%", "rows"),
            rows=tuple(
                (number(float(p)), *(number(float(q)) for q in line), f"{n:,}")
                for p, line, n in zip(found.predicted, found.actual, found.rows, strict=True)
            ),
        )

    def _residuals(self, scored: Scored) -> Figure:
        off = (scored.labels - scored.predictions).astype(np.float64)
        low, high = (float(q) for q in np.quantile(off, _SHOWN))
        low, high = (low, high) if low < high else (low - 0.5, high + 0.5)
        counts, edges = np.histogram(off, bins=_COLUMNS, range=(low, high))
        middle, beyond = float(np.median(off)), len(off) - int(counts.sum())
        title = "How far off are the predictions?"
        caption = (
            f"What happened less what was predicted: right of 0 the prediction was too low. The median is "
            f"{with_unit(number(middle, 3), self.unit)} (orange line). Not drawn: {percent(beyond / len(off))} of "
            f"rows, further out than {number(low, 3)} or {number(high, 3)}."
        )
        rows = [
            {"from": float(a), "to": float(b), "n": int(n)} for a, b, n in zip(edges, edges[1:], counts, strict=False)
        ]
        scale = alt.Scale(domain=[low, high], nice=False)
        x = alt.X("from:Q", scale=scale, axis=self._axis("off by"))
        y = alt.Y("n:Q", axis=alt.Axis(title="rows", format=",d", tickCount=5))
        bars = alt.Chart(data(rows)).mark_bar(color=ACCENT, opacity=0.55, binSpacing=1)
        bars = bars.encode(x=x, x2="to:Q", y=y, y2=alt.datum(0))
        lines = [
            alt.Chart(data([{"at": at}]))
            .mark_rule(color=colour, strokeWidth=width, strokeDash=dash)
            .encode(x=alt.X("at:Q", scale=scale))
            for at, colour, width, dash in ((0.0, MUTED, 1, [4, 4]), (middle, SECOND, 2, [1, 0]))
            if low <= at <= high
        ]
        return Figure(
            title=title,
            caption=caption,
            svg=svg(alt.layer(bars, *lines).properties(width=WIDTH - 60, height=250), f"{title} {caption}"),
            head=("from", "to", "rows"),
            rows=tuple((number(row["from"]), number(row["to"]), f"{row['n']:,}") for row in rows),
        )

    def _axis(self, what: str) -> alt.Axis:
        return alt.Axis(title=f"{what} ({self.unit})" if self.unit else what, tickCount=5)
