"""The learning curve of a task, as one of several small pictures with the same axis of epochs."""

import math
from typing import Any

import altair as alt
from markupsafe import Markup

from mtl_core.report.course import Course
from mtl_core.report.metric_words import metric_title
from mtl_core.report.theme import ACCENT, CARD, INK, MUTED, SECOND, SHADE, WIDTH, data, svg

__all__ = ["curve"]


def curve(course: Course) -> Markup:
    """Its metric per epoch; squares where it stopped, shade where it was held or rested, a ring at the chosen epoch."""
    values = [{"epoch": i + 1, "value": v} for i, v in enumerate(course.values) if math.isfinite(v)]
    last = len(course.values)
    x = alt.X("epoch:Q", scale=alt.Scale(domain=[0.5, last + 0.5], nice=False), axis=_epochs(last))
    y = alt.Y("value:Q", scale=alt.Scale(zero=False, padding=8), axis=alt.Axis(title=None, tickCount=4, minExtent=38))
    line = alt.Chart(data(values)).encode(x=x, y=y)
    chosen = data([{"epoch": course.chosen}])
    shaded = data([{"epoch": start, "end": end} for start, end in (*course.held, *course.rested)])
    layers = [
        alt.Chart(shaded).mark_rect(color=SHADE).encode(x=x, x2="end:Q"),
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
    looks: tuple[tuple[tuple[int | None, ...], dict[str, Any]], ...] = (
        ((course.chosen,), {"shape": "circle", "color": INK, "size": 150, "strokeWidth": 1.8, "fill": None}),
        (course.stopped, {"shape": "square", "color": CARD, "fill": SECOND, "size": 95, "strokeWidth": 1}),
        ((course.best,), {"shape": "diamond", "color": CARD, "fill": INK, "size": 75, "strokeWidth": 1}),
    )
    for epochs, look in looks:
        known = [epoch for epoch in epochs if math.isfinite(course.value(epoch))]
        points = data([{"epoch": epoch, "value": course.value(epoch)} for epoch in known])
        marks.append(alt.Chart(points).mark_point(opacity=1, **look).encode(x=x, y=y))
    return marks


def _words(course: Course) -> str:
    said = [
        f"{course.task.name}: {metric_title(course.task.metric.name)} on validation over {len(course.values)} epochs"
    ]
    said += [f"best after epoch {course.best}"] if course.best else []
    said += [f"stopped after epoch {' and '.join(map(str, course.stopped))}"] if course.stopped else []
    for was, spans in (("held", course.held), ("rested", course.rested)):
        said += [f"{was} from epoch {' and '.join(f'{start} to {end}' for start, end in spans)}"] if spans else []
    said += [f"the model's weights are of epoch {course.chosen}"]
    return "; ".join([*said, "its head was trained on after that"] if course.refitted else said)
