"""A number in the user's unit: does it follow what happens, and how far off is it?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import altair as alt
import numpy as np
from numpy.typing import NDArray

from mtl_core.report.forms.base import Balance, Figure, Form
from mtl_core.report.forms.bins import fan
from mtl_core.report.forms.histogram import columns_of, histogram
from mtl_core.report.run import Scored
from mtl_core.report.theme import ACCENT, INK, MUTED, SECOND, WIDTH, data, svg
from mtl_core.report.wording import NOTHING, number, percent, with_unit

__all__ = ["Quantity"]

_COLUMNS = 40
_SHOWN = (0.01, 0.99)
_FEW = 30
"""So many different values or fewer, most of them several times, are counts or the like: their median goes in steps,
and their mean does not."""


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
        line = _centre(scored)
        title = "What happened where this was predicted?"
        caption = (
            f"Rows in bins of similar prediction. Line: the {line} of what happened; dark band: the middle half; light "
            "band: the middle 80%. On the dashed line, what happened is what was predicted."
        )
        keys = ("q10", "q25", "median", "q75", "q90")
        rows = [
            {"predicted": float(p), "mean": float(mean), **dict(zip(keys, map(float, quantiles), strict=True))}
            for p, mean, quantiles in zip(found.predicted, found.mean, found.actual, strict=True)
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
        middle_line = base.mark_line(color=ACCENT, strokeWidth=2, point={"color": ACCENT, "size": 18, "opacity": 1})
        diagonal = base.mark_line(color=INK, strokeDash=[4, 4], strokeWidth=1).encode(y=alt.Y("predicted:Q", scale=y))
        chart = alt.layer(wide, middle, diagonal, middle_line.encode(y=alt.Y(f"{line}:Q", scale=y)))
        return Figure(
            title=title,
            caption=caption,
            svg=svg(chart.properties(width=WIDTH - 60, height=250), f"{title} {caption}"),
            head=("predicted", "mean", "10%", "25%", "median", "75%", "90%", "rows"),
            rows=tuple(
                (*(number(float(value)) for value in (p, mean, *quantiles)), f"{n:,}")
                for p, mean, quantiles, n in zip(found.predicted, found.mean, found.actual, found.rows, strict=True)
            ),
        )

    def _residuals(self, scored: Scored) -> Figure:
        off = (scored.labels - scored.predictions).astype(np.float64)
        low, high = (float(q) for q in np.quantile(off, _SHOWN))
        low, high = (low, high) if low < high else (low - 0.5, high + 0.5)
        columns = columns_of(off, low, high, _COLUMNS)
        which = _centre(scored)
        centre = float(off.mean() if which == "mean" else np.median(off))
        beyond = len(off) - sum(column["n"] for column in columns)
        title = "How far off are the predictions?"
        caption = (
            f"What happened less what was predicted: right of 0 the prediction was too low. The {which} is "
            f"{with_unit(number(centre, 3), self.unit)} (orange line). Not drawn: {percent(beyond / len(off))} of "
            f"rows, further out than {number(low, 3)} or {number(high, 3)}."
        )
        bars = histogram(
            columns, across=self._axis("off by"), up=alt.Axis(title="rows", format=",d", tickCount=5), height=250
        )
        scale = alt.Scale(domain=[low, high], nice=False)
        lines = [
            alt.Chart(data([{"at": at}]))
            .mark_rule(color=colour, strokeWidth=width, strokeDash=dash)
            .encode(x=alt.X("at:Q", scale=scale))
            for at, colour, width, dash in ((0.0, MUTED, 1, [4, 4]), (centre, SECOND, 2, [1, 0]))
            if low <= at <= high
        ]
        return Figure(
            title=title,
            caption=caption,
            svg=svg(alt.layer(bars, *lines), f"{title} {caption}"),
            head=("from", "to", "rows"),
            rows=tuple((number(one["from"]), number(one["to"]), f"{one['n']:,}") for one in columns),
        )

    def _axis(self, what: str) -> alt.Axis:
        return alt.Axis(title=f"{what} ({self.unit})" if self.unit else what, tickCount=5)


def _centre(scored: Scored) -> Literal["mean", "median"]:
    """Which of the two says where the middle of what happened is."""
    different = len(np.unique(scored.labels))
    return "mean" if different <= _FEW and 2 * different <= len(scored.labels) else "median"
