"""A figure: a chart with its caption and numbers; and building blocks of charts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from mtl_core.report.theme import ACCENT, INK, MUTED, SECOND, WIDTH, data, names_axis, svg

Array = NDArray[Any]

_MAX_SIDE, _MIN_SIDE_WITH_TEXT = 60, 26
"""Limits of the side of a cell, in pixels."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """Column heads, and rows of cells."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A chart as SVG, and its numbers as a table."""

    title: str
    caption: str
    svg: Markup
    table: Table


def draw(title: str, caption: str, chart: alt.TopLevelMixin, *columns: tuple[str, Iterable[str]]) -> Figure:
    """The figure of a chart, with the columns of its table. Title and caption are its text for screen readers."""
    heads, cells = zip(*columns, strict=True)
    table = Table(head=heads, rows=tuple(zip(*cells, strict=True)))
    return Figure(title=title, caption=caption, svg=svg(chart, f"{title}. {caption}"), table=table)


def diagonal(low: float, high: float) -> alt.Chart:
    """Dashed line on which x and y are equal."""
    base = alt.Chart(data(x=[low, high], y=[low, high])).encode(x="x:Q", y="y:Q")
    line: alt.Chart = base.mark_line(color=MUTED, strokeDash=[4, 4], strokeWidth=1)
    return line


def points(rows: alt.InlineData, x: alt.X, y: alt.Y, colour: Any) -> list[alt.Chart]:
    """Layers of points on a line, with intervals from `low` to `high`."""
    base = alt.Chart(rows).encode(x=x, color=colour)
    return [
        base.mark_line(strokeWidth=1.5, opacity=0.6).encode(y=y),
        base.mark_rule(strokeWidth=1.5).encode(y="low:Q", y2="high:Q"),
        base.mark_point(filled=True, size=40, opacity=1).encode(y=y),
    ]


def histogram(
    values: Array, bounds: tuple[float, float], bins: int, x: alt.Axis, *, ticks: int = 5
) -> tuple[alt.Chart, dict[str, Array]]:
    """Chart of (rows,) values within the bounds, and its columns `low`, `high` and `rows`."""
    rows, edges = np.histogram(values.astype(np.float64), bins=bins, range=bounds)
    columns = {"low": edges[:-1], "high": edges[1:], "rows": rows}
    low = alt.X("low:Q", scale=alt.Scale(domain=list(bounds), nice=False), axis=x)
    count = alt.Y("rows:Q", axis=alt.Axis(title="rows", format="~s", tickCount=ticks))
    bars = alt.Chart(data(**columns)).mark_bar(color=ACCENT, opacity=0.55, binSpacing=1)
    return bars.encode(x=low, x2="high:Q", y=count, y2=alt.datum(0)).properties(width=WIDTH), columns


def interval_plot(
    names: Sequence[str],
    intervals: Iterable[tuple[float, float, float]],
    x: alt.X,
    reference: float,
    colours: Sequence[str] = (),
) -> alt.TopLevelMixin:
    """A point with its interval per name, and a line at the reference. A value of NaN leaves its row empty.

    Args:
        intervals: (value, low, high) per name.
        x: the encoding, with field `value`.
        colours: one per name; none for the same colour everywhere.
    """
    coloured = zip(intervals, colours or [ACCENT] * len(names), strict=True)
    rows = [
        {"name": index, "value": value, "low": low, "high": high, "colour": colour}
        for index, ((value, low, high), colour) in enumerate(coloured)
        if np.isfinite(value)
    ]
    scale = alt.Scale(domain=list(range(len(names))), paddingInner=0.3)
    y = alt.Y("name:O", scale=scale, axis=names_axis(names, grid=False, minExtent=110, limit=110))
    base = alt.Chart(data(rows)).encode(y=y, color=alt.Color("colour:N", scale=None, legend=None))
    line = alt.Chart(data(value=[reference])).mark_rule(color=MUTED, strokeDash=[4, 4]).encode(x=x)
    bars = base.mark_rule(strokeWidth=2, opacity=0.75).encode(x="low:Q", x2="high:Q")
    layers = alt.layer(line, bars, base.mark_point(filled=True, size=45, opacity=1).encode(x=x))
    return layers.properties(width=200, height=min(400, 34 + 26 * len(names)))


def heat_map(row_names: Sequence[str], column_names: Sequence[str], values: Array, texts: Array) -> alt.TopLevelMixin:
    """Heat map of (rows, columns) values: strong colours for large absolute values, another colour below 0.

    Args:
        values: NaN leaves a cell empty.
        texts: of the cells, the same shape; drawn if the cells are large enough.
    """
    largest = float(np.nanmax(np.abs(values), initial=0.0)) or 1.0
    cells = [
        {"row": i, "column": j, "positive": bool(value >= 0), "size": abs(float(value)) / largest, "text": texts[i, j]}
        for (i, j), value in np.ndenumerate(values)
        if np.isfinite(value)
    ]
    side = max(1, min(_MAX_SIDE, WIDTH // max(values.shape)))
    has_text = side >= _MIN_SIDE_WITH_TEXT  # slanted names then fit too
    column_axis = names_axis(column_names, limit=90, orient="top", labelAngle=-45, labelOverlap=not has_text)
    rows, columns = (alt.Scale(domain=list(range(length)), paddingInner=0.06) for length in values.shape)
    row_axis = names_axis(row_names, limit=90, minExtent=90)
    x, y = alt.X("column:O", scale=columns, axis=column_axis), alt.Y("row:O", scale=rows, axis=row_axis)
    signs = alt.Scale(domain=[True, False], range=[ACCENT, SECOND])
    strengths = alt.Scale(domain=[0, 1], range=[0, 0.65])
    base = alt.Chart(data(cells)).encode(x=x, y=y)
    cell = base.mark_rect(cornerRadius=2, stroke=MUTED, strokeOpacity=0.3).encode(
        color=alt.Color("positive:N", scale=signs, legend=None),
        fillOpacity=alt.FillOpacity("size:Q", scale=strengths, legend=None),
    )
    text = base.mark_text(color=INK, fontSize=min(12, 0.31 * side)).encode(text="text:N")
    layers = [cell, text] if has_text else [cell]
    return alt.layer(*layers).properties(width=side * len(column_names), height=side * len(row_names))
