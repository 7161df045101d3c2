"""Learning curves: a task's metric on validation over the epochs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from mtl_core.report.theme import ACCENT, INK, MUTED, SECOND, SHADE, WIDTH, data

Span = tuple[int, int]
"""First epoch - 1 and last epoch."""

_LINE_STYLES = {"joint": (MUTED, [2, 3]), "freeze": (SECOND, [8, 3]), "hold": (ACCENT, [1, 0])}
"""Colour and dash of a stopping policy's line; any other line has the last style."""
_EVENT_MARKS = {"best epoch": ("diamond", 60), "stopped": ("square", 100), "model": ("circle", 200)}


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A learning curve: its values and events."""

    values: Sequence[float | None]
    """Per epoch, from epoch 1; NaN or None if undefined."""
    stopped: Sequence[int]
    chosen: int
    """Epoch of the model's weights."""
    best: int | None = None


def learning_curves(curves: Mapping[str, Curve], shaded: Sequence[Span] = ()) -> alt.TopLevelMixin:
    """Chart of a line per name, with its events and a legend. `shaded`: epochs with a background."""
    last = max(len(curve.values) for curve in curves.values())
    ticks = list(range(1, last + 1, max(1, math.ceil(last / 10))))
    domain = alt.Scale(domain=[0.5, last + 0.5], nice=False)
    x = alt.X("epoch:Q", scale=domain, axis=alt.Axis(title="epoch", values=ticks, format="d", grid=False))
    y = alt.Y("value:Q", scale=alt.Scale(zero=False, padding=8), axis=alt.Axis(title=None, tickCount=4, minExtent=38))
    styles = [_LINE_STYLES.get(name, _LINE_STYLES["hold"]) for name in curves]
    legend = alt.Legend(orient="bottom", symbolType="stroke", symbolSize=400) if len(curves) > 1 else None
    colours, dashes = (alt.Scale(domain=list(curves), range=list(values)) for values in zip(*styles, strict=True))
    marks = zip(*_EVENT_MARKS.values(), strict=True)
    shapes, sizes = (alt.Scale(domain=list(_EVENT_MARKS), range=list(values)) for values in marks)
    lines, events = list[dict[str, Any]](), list[dict[str, Any]]()
    for name, curve in curves.items():
        points = {
            epoch: {"epoch": epoch, "value": value, "curve": name}
            for epoch, value in enumerate(curve.values, start=1)
            if value is not None and math.isfinite(value)
        }
        lines += points.values()
        epochs_of = {"best epoch": [curve.best], "stopped": curve.stopped, "model": [curve.chosen]}
        events += [points[n] | {"event": event} for event, epochs in epochs_of.items() for n in epochs if n in points]
    colour = alt.Color("curve:N", scale=colours, legend=legend)
    shade = alt.Chart(data([{"epoch": start, "end": end} for start, end in shaded])).mark_rect(color=SHADE)
    line = alt.Chart(data(lines)).mark_line(strokeWidth=2).encode(x=x, y=y, color=colour)
    event = alt.Chart(data(events)).mark_point(strokeWidth=1.8, opacity=1, filled=False)
    shape, size = alt.Shape("event:N", scale=shapes), alt.Size("event:N", scale=sizes)
    layers = [
        shade.encode(x=x, x2="end:Q"),
        line.encode(strokeDash=alt.StrokeDash("curve:N", scale=dashes, legend=legend)),
        event.encode(x=x, y=y, shape=shape, size=size, color=alt.value(INK)),
    ]
    return alt.layer(*layers).properties(width=WIDTH + 8, height=150)
