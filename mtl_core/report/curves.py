"""The learning curve of a task, as one of several small pictures with the same axis of epochs."""

import math
from typing import Any

import altair as alt
from markupsafe import Markup

from mtl_core.report.course import Course
from mtl_core.report.theme import ACCENT, CARD, INK, MUTED, SECOND, SHADE, WIDTH, data, svg
from mtl_core.report.wording import metric_title

__all__ = ["curve"]


def curve(course: Course) -> Markup:
    """Its metric per epoch; a square where it stopped, shade where it was held, a ring at the epoch that was chosen."""
    values = [{"epoch": i + 1, "value": v} for i, v in enumerate(course.values) if math.isfinite(v)]
    last = len(course.values)
    x = alt.X("epoch:Q", scale=alt.Scale(domain=[0.5, last + 0.5], nice=False), axis=_epochs(last))
    y = alt.Y("value:Q", scale=alt.Scale(zero=False, padding=8), axis=alt.Axis(title=None, tickCount=4, minExtent=38))
    line = alt.Chart(data(values)).encode(x=x, y=y)
    chosen = data([{"epoch": course.chosen}])
    held = [data([{"epoch": course.held[0], "end": course.held[1]}])] if course.held else []
    layers = [
        *(alt.Chart(span).mark_rect(color=SHADE).encode(x=x, x2="end:Q") for span in held),
        alt.Chart(chosen).mark_rule(color=MUTED, strokeDash=[3, 3]).encode(x=x),
        line.mark_line(color=ACCENT, strokeWidth=2),
        line.mark_point(color=ACCENT, fill=ACCENT, size=16, opacity=1),
        *_marks(course, x, y),
    ]
    return svg(alt.layer(*layers).properties(width=WIDTH - 52, height=150), _words(course))


def _epochs(last: int) -> alt.Axis:
    step = max(1, math.ceil(last / 10))
    return alt.Axis(title="epoch", values=list(range(1, last + 1, step)), format="d", grid=False)


def _marks(course: Course, x: alt.X, y: alt.Y) -> list[alt.Chart]:
    marks = []
    looks: tuple[tuple[int | None, dict[str, Any]], ...] = (
        (course.chosen, {"shape": "circle", "color": INK, "size": 150, "strokeWidth": 1.8, "fill": None}),
        (course.stopped, {"shape": "square", "color": CARD, "fill": SECOND, "size": 95, "strokeWidth": 1}),
        (course.best, {"shape": "diamond", "color": CARD, "fill": INK, "size": 75, "strokeWidth": 1}),
    )
    for epoch, look in looks:
        if epoch is not None and math.isfinite(course.value(epoch)):
            point = alt.Chart(data([{"epoch": epoch, "value": course.value(epoch)}]))
            marks.append(point.mark_point(opacity=1, **look).encode(x=x, y=y))
    return marks


def _words(course: Course) -> str:
    said = [
        f"{course.task.name}: {metric_title(course.task.metric.name)} on validation over {len(course.values)} epochs"
    ]
    said += [f"best after epoch {course.best}"] if course.best else []
    said += [f"stopped after epoch {course.stopped}"] if course.stopped else []
    said += [f"held from epoch {course.held[0]} to {course.held[1]}"] if course.held else []
    return "; ".join([*said, f"the model's weights are of epoch {course.chosen}"])
