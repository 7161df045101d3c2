"""Quantiles of a number: does as much lie below them as they say, and how wide is what they leave open?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from mtl_core.report.forms.base import Balance, Figure, Form
from mtl_core.report.forms.bins import Bands, bands
from mtl_core.report.forms.diagonal import along_diagonal
from mtl_core.report.forms.intervals import wilson
from mtl_core.report.forms.quantity import Quantity
from mtl_core.report.run import Scored
from mtl_core.report.theme import ACCENT, SECOND, WIDTH, data, shares, svg
from mtl_core.report.wording import number, percent, with_unit

__all__ = ["Quantiles"]

_SEVERAL = 5
"""Levels from which on there is a band within the band."""


@dataclass(frozen=True, kw_only=True)
class Quantiles(Form):
    """Labels (rows,), predictions (rows, levels); both in `unit`."""

    levels: tuple[float, ...]
    unit: str

    @property
    def middle(self) -> int:
        """The level nearest the median."""
        return int(np.abs(np.asarray(self.levels) - 0.5).argmin())

    def trivial(self, one: NDArray[Any]) -> str:
        shown = dict.fromkeys((0, self.middle, len(one) - 1))
        each = (f"{with_unit(number(float(one[place]), 3), self.unit)} ({self._name(place)})" for place in shown)
        return f"the same quantiles for every row: {', '.join(each)}"

    def balance(self, labels: Mapping[str, NDArray[Any]]) -> Balance:
        return Quantity(unit=self.unit).balance(labels)

    def sentence(self, scored: Scored) -> str:
        if len(self.levels) == 1:
            share = float((scored.labels <= scored.predictions[:, 0]).mean())
            return f"{percent(share)} of what happened is not above its {self._name(0)} quantile."
        low, high = scored.predictions[:, 0], scored.predictions[:, -1]
        inside = float(((low <= scored.labels) & (scored.labels <= high)).mean())
        width = number(float(np.median((high - low).astype(np.float64))), 3)
        return (
            f"Between its {self._name(0)} and its {self._name(-1)} quantile, {with_unit(width, self.unit)} apart in "
            f"the median, lie {percent(inside)} of what happened; it should be "
            f"{percent(self.levels[-1] - self.levels[0])}."
        )

    def figures(self, scored: Scored) -> tuple[Figure, ...]:
        return (self._calibration(scored), self._band(scored))

    def _name(self, place: int) -> str:
        return percent(self.levels[place])

    def _calibration(self, scored: Scored) -> Figure:
        below = (scored.labels[:, None] <= scored.predictions).mean(axis=0)  # (levels,)
        low, high = wilson(below, np.full(len(below), len(scored.labels)))
        off = float(np.abs(below - self.levels).mean())
        title = "Does as much lie below a quantile as it says?"
        caption = (
            "Per level, the share of rows in which what happened was not above the quantile, with a 95% interval. On "
            f"the dashed line it is what the level says; they are {off * 100:.1f} percentage points apart on average."
        )
        chart = along_diagonal(
            *(np.asarray(self.levels), below, low, high),
            upper=1.0,
            across=shares(title="level of the quantile"),
            up=shares(title="observed: share not above it"),
            height=268,
        )
        return Figure(
            title=title,
            caption=caption,
            svg=svg(chart, f"{title} {caption}"),
            head=("level", "observed", "95% interval"),
            rows=tuple(
                (percent(level), percent(share), f"{percent(least)} to {percent(most)}")
                for level, share, least, most in zip(self.levels, below, low, high, strict=True)
            ),
        )

    def _band(self, scored: Scored) -> Figure:
        found = bands(scored.predictions, scored.labels, np.asarray(self.levels), self.middle)
        title = "How wide is the band, and does what happened fill it?"
        caption = self._said_of_bands()
        return Figure(
            title=title,
            caption=caption,
            svg=svg(self._picture(found), f"{title} {caption}"),
            head=(
                "rows",
                *(f"{percent(level)} {what}" for level in self.levels for what in ("predicted", "happened")),
            ),
            rows=tuple(
                (f"{n:,}", *(number(float(value)) for pair in zip(said, was, strict=True) for value in pair))
                for n, said, was in zip(found.rows, found.predicted, found.actual, strict=True)
            ),
        )

    @property
    def _bands(self) -> tuple[tuple[int, int], ...]:
        """The levels of each band's edges: the outermost, then of one within; none where there is a single level."""
        last = len(self.levels) - 1
        within = ((last // 4, last - last // 4),) if last + 1 >= _SEVERAL else ()
        return ((0, last), *within) if last else ()

    def _said_of_bands(self) -> str:
        middle = self._name(self.middle)
        rows = f"Rows in bins of similar {middle} quantile, which is the line"
        happened = "Orange: the same quantiles of what really happened to these rows"
        if not self._bands:
            return f"{rows}. {happened}. The nearer the dots to the line, the better."
        ends, *within = (f"{self._name(low)} and {self._name(high)}" for low, high in self._bands)
        darker = f", the darker one between those of {within[0]}" if within else ""
        return (
            f"{rows}; the band lies between those of {ends}{darker}, on average over the bin. {happened}, the dot that "
            f"of {middle}, the ends of the bar those of {ends}. The nearer the dot to the line, and the bar to the "
            "edges of the band, the better."
        )

    def _picture(self, found: Bands) -> alt.TopLevelMixin:
        last, middle = len(self.levels) - 1, self.middle
        rows = [
            {"at": float(said[middle])}
            | {f"said{place}": float(value) for place, value in enumerate(said)}
            | {f"was{place}": float(value) for place, value in enumerate(was)}
            for said, was in zip(found.predicted, found.actual, strict=True)
        ]
        unit = f" ({self.unit})" if self.unit else ""
        scale = alt.Scale(zero=False)
        axis = alt.Axis(title=f"predicted, and what happened{unit}", tickCount=5)
        x = alt.X(
            "at:Q",
            scale=alt.Scale(zero=False, nice=False, padding=6),
            axis=alt.Axis(title=f"predicted {self._name(middle)} quantile{unit}", tickCount=5),
        )
        base = alt.Chart(data(rows)).encode(x=x)

        def y(field: str) -> alt.Y:
            return alt.Y(f"{field}:Q", scale=scale, axis=axis)

        areas = [
            base.mark_area(color=ACCENT, opacity=0.18).encode(y=y(f"said{low}"), y2=f"said{high}:Q")
            for low, high in self._bands
        ]
        line = base.mark_line(color=ACCENT, strokeWidth=2).encode(y=y(f"said{middle}"))
        bars = [base.mark_rule(color=SECOND, strokeWidth=1.5).encode(y=y("was0"), y2=f"was{last}:Q")] if last else []
        dots = base.mark_point(color=SECOND, fill=SECOND, size=34, opacity=1).encode(y=y(f"was{middle}"))
        return alt.layer(*areas, line, *bars, dots).properties(width=WIDTH - 60, height=268)
