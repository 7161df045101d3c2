"""The picture of what was said against what was observed: where they agree, the points lie on the diagonal."""

from typing import Any

import altair as alt
from numpy.typing import NDArray

from mtl_core.report.theme import ACCENT, MUTED, SECOND, WIDTH, data

__all__ = ["along_diagonal"]


def along_diagonal(
    said: NDArray[Any],
    observed: NDArray[Any],
    low: NDArray[Any],
    high: NDArray[Any],
    *,
    upper: float,
    across: alt.Axis,
    up: alt.Axis,
    height: int,
    before: tuple[NDArray[Any], NDArray[Any]] | None = None,
) -> alt.LayerChart | alt.FacetChart:
    """(points,) shares that were said and observed, the bounds of the latter's intervals; both axes end at `upper`.

    before: other shares that were said and observed, drawn as a line behind these.
    """
    rows = [
        {"said": float(s), "observed": float(o), "low": float(a), "high": float(b)}
        for s, o, a, b in zip(said, observed, low, high, strict=True)
    ]
    scale = alt.Scale(domain=[0, upper], nice=False)
    x = alt.X("said:Q", scale=scale, axis=across)
    y = alt.Y("observed:Q", scale=scale, axis=up)
    corners = data([{"said": 0, "observed": 0}, {"said": upper, "observed": upper}])
    diagonal = alt.Chart(corners).mark_line(color=MUTED, strokeDash=[4, 4], strokeWidth=1).encode(x=x, y=y)
    base = alt.Chart(data(rows)).encode(x=x)
    intervals = base.mark_rule(color=ACCENT, strokeWidth=1.5).encode(y=alt.Y("low:Q", scale=scale), y2="high:Q")
    line = base.mark_line(color=ACCENT, strokeWidth=1.5, opacity=0.6).encode(y=y)
    points = base.mark_point(color=ACCENT, fill=ACCENT, size=42, opacity=1).encode(y=y)
    behind = []
    if before is not None:
        earlier = [{"said": float(s), "observed": float(o)} for s, o in zip(*before, strict=True)]
        other = alt.Chart(data(earlier)).encode(x=x, y=y)
        behind = [
            other.mark_line(color=SECOND, strokeWidth=1.5, opacity=0.6),
            other.mark_point(color=SECOND, size=30, opacity=1),
        ]
    return alt.layer(diagonal, *behind, line, intervals, points).properties(width=WIDTH - 60, height=height)
