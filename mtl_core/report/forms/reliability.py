"""The picture of reliability: of what was given a chance of 20%, did a fifth come true?"""

import math
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from mtl_core.report.forms.base import Figure
from mtl_core.report.forms.bins import Bins, calibration_bins, calibration_error
from mtl_core.report.theme import ACCENT, MUTED, WIDTH, data, svg
from mtl_core.report.wording import percent

__all__ = ["reliability"]

_COLUMNS = 30


def reliability(chance: NDArray[Any], hit: NDArray[Any], *, of_what: str, counted: str) -> Figure:
    """(rows,) chances and whether it came true.

    Args:
        of_what: what the chance is of, for the title of the axis.
        counted: what is counted, rows as a rule.
    """
    bins = calibration_bins(chance, hit)
    off = calibration_error(bins)
    title = "Can the probabilities be taken at their word?"
    caption = (
        f"Each point is a bin of {counted} with similar predicted probability, its bar a 95% interval. On the dashed "
        f"line predicted and observed agree; they are {off * 100:.1f} percentage points apart on average. Below: how "
        "often each probability is predicted; the last column holds all beyond."
    )
    upper = _upper(bins)
    chart = alt.vconcat(_points(bins, upper, of_what), _counts(chance, upper), spacing=6)
    return Figure(
        title=title,
        caption=caption,
        svg=svg(chart, f"{title} {caption}"),
        head=("predicted", "observed", "95% interval", counted),
        rows=tuple(
            (percent(p), percent(o), f"{percent(low)} to {percent(high)}", f"{n:,}")
            for p, o, low, high, n in zip(bins.predicted, bins.observed, bins.low, bins.high, bins.rows, strict=True)
        ),
    )


def _upper(bins: Bins) -> float:
    """The end of both axes: rare events would all sit in the corner of a picture that goes to 100%."""
    most = max(float(bins.predicted.max()), float(bins.high.max()))
    return min(1.0, math.ceil(most * 1.02 / 0.05) * 0.05)


def _axis(**options: Any) -> alt.Axis:
    return alt.Axis(format="~%", tickCount=5, **options)


def _points(bins: Bins, upper: float, of_what: str) -> alt.LayerChart | alt.FacetChart:
    rows = [
        {"predicted": float(p), "observed": float(o), "low": float(low), "high": float(high)}
        for p, o, low, high in zip(bins.predicted, bins.observed, bins.low, bins.high, strict=True)
    ]
    scale = alt.Scale(domain=[0, upper], nice=False)
    x = alt.X("predicted:Q", scale=scale, axis=_axis(title=None, labels=False))
    y = alt.Y("observed:Q", scale=scale, axis=_axis(title=f"observed: {of_what}"))
    corner = data([{"predicted": 0, "observed": 0}, {"predicted": upper, "observed": upper}])
    diagonal = alt.Chart(corner).mark_line(color=MUTED, strokeDash=[4, 4], strokeWidth=1).encode(x=x, y=y)
    base = alt.Chart(data(rows)).encode(x=x)
    intervals = base.mark_rule(color=ACCENT, strokeWidth=1.5).encode(y=alt.Y("low:Q", scale=scale), y2="high:Q")
    line = base.mark_line(color=ACCENT, strokeWidth=1.5, opacity=0.6).encode(y=y)
    points = base.mark_point(color=ACCENT, fill=ACCENT, size=42, opacity=1).encode(y=y)
    return alt.layer(diagonal, line, intervals, points).properties(width=WIDTH - 60, height=210)


def _counts(chance: NDArray[Any], upper: float) -> alt.Chart:
    counts, edges = np.histogram(np.clip(chance, 0, upper), bins=_COLUMNS, range=(0, upper))
    rows = [{"from": float(a), "to": float(b), "n": int(n)} for a, b, n in zip(edges, edges[1:], counts, strict=False)]
    scale = alt.Scale(domain=[0, upper], nice=False)
    x = alt.X("from:Q", scale=scale, axis=_axis(title="predicted probability"))
    y = alt.Y("n:Q", axis=alt.Axis(title="count", format=",d", tickCount=2))
    bars: alt.Chart = alt.Chart(data(rows)).mark_bar(color=ACCENT, opacity=0.55, binSpacing=1)
    counted: alt.Chart = bars.encode(x=x, x2="to:Q", y=y, y2=alt.datum(0))
    return counted.properties(width=WIDTH - 60, height=52)
