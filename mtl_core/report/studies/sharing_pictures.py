"""The pictures on whether sharing pays: each task's difference with its interval, and each policy's learning curves."""

import math
from collections.abc import Mapping
from typing import Any

import altair as alt
from markupsafe import Markup

from mtl_core.report.metric_words import metric_title
from mtl_core.report.theme import ACCENT, CARD, INK, MUTED, SECOND, WIDTH, beside, data, short, svg
from mtl_core.studies.comparison import HARMS, HELPS, ComparedTask, Gain, PolicyCourse

__all__ = ["COLOURS", "DASHES", "WORDS", "courses_picture", "differences_picture", "standard_errors"]

GOOD, BAD = "var(--good)", "var(--bad)"
WORDS = {HELPS: "helps", HARMS: "harms"}
"""Of a verdict, beside its interval; any other is no difference."""
_TONES = {HELPS: GOOD, HARMS: BAD}

COLOURS = {"joint": MUTED, "freeze": SECOND, "hold": ACCENT}
DASHES = {"joint": [2, 3], "freeze": [8, 3], "hold": [1, 0]}
"""Of a stopping policy's line: its dash too, since colours alone do not tell lines apart to everyone."""

_NAMES, _PLOT, _VERDICTS = 104, 152, 84
"""Pixels: of the names, of the intervals, of the words beside them."""
_ROW = 28
_LEVEL = 1.959964
"""Standard errors from the middle of a 95% interval to its end, where chance is normal."""


def standard_errors(gain: Gain) -> tuple[float, float, float] | None:
    """Difference and bounds in units of half the interval's width over 1.96; None where they are undefined."""
    if gain.difference is None or gain.low is None or gain.high is None or gain.high <= gain.low:
        return None
    error = (gain.high - gain.low) / (2 * _LEVEL)
    return gain.difference / error, gain.low / error, gain.high / error


def differences_picture(tasks: Mapping[str, ComparedTask]) -> Markup:
    """A line per compared task: its interval against 0, and the verdict in words."""
    rows: list[dict[str, Any]] = []
    for name, task in tasks.items():
        found = standard_errors(task.over_single) if task.over_single else None
        if found is not None:
            tone = _TONES.get(task.verdict, MUTED) if task.verdict else MUTED
            word = WORDS.get(task.verdict, "no difference") if task.verdict else ""
            at, low, high = found
            line = {"row": len(rows), "name": short(name, 16), "tone": tone, "word": word}
            rows.append(line | {"at": at, "low": low, "high": high, "task": name})
    far = max((abs(row[end]) for row in rows for end in ("low", "high")), default=1.0)
    scale = alt.Scale(domain=[-far, far], nice=True)
    axis = alt.Axis(title="standard errors: harms ← 0 → helps", tickCount=4, labelFlush=False, format="~g", grid=True)
    x, y = alt.X("at:Q", scale=scale, axis=axis), alt.Y("row:O", axis=beside(_NAMES))
    colour = alt.Color("tone:N", scale=None, legend=None)
    base = alt.Chart(data(rows)).encode(y=y)
    layers = [
        alt.Chart(data([{"at": 0}])).mark_rule(color=INK, strokeWidth=1.2).encode(x=x),
        base.mark_rule(strokeWidth=3, opacity=0.75).encode(x=alt.X("low:Q", scale=scale), x2="high:Q", color=colour),
        base.mark_point(size=64, opacity=1, filled=True).encode(x=x, color=colour),
        base.mark_text(align="right", color=INK, fontSize=12).encode(x=alt.value(-8), text="name:N"),
        base.mark_text(align="left", fontSize=12).encode(x=alt.value(_PLOT + 8), text="word:N", color=colour),
        # An empty text keeps room for the words, which do not count in the width of the picture.
        alt.Chart(data([{}])).mark_text(text="\N{NO-BREAK SPACE}").encode(x=alt.value(_PLOT + _VERDICTS)),
    ]
    said = "; ".join(f"{row['task']}: {row['word']}" for row in rows)
    chart = alt.layer(*layers).properties(width=_PLOT, height=_ROW * len(rows))
    return svg(chart, f"Difference of shared and single-task network, per task: {said}")


def courses_picture(name: str, task: ComparedTask, courses: Mapping[str, PolicyCourse]) -> Markup:
    """The task's metric on validation after each epoch, a line per policy; squares where it stopped, a ring at the
    epoch of the model's weights.
    """
    last = max(len(course.validation) for course in courses.values())
    step = max(1, math.ceil(last / 10))
    axis = alt.Axis(title="epoch", values=list(range(1, last + 1, step)), format="d", grid=False)
    x = alt.X("epoch:Q", scale=alt.Scale(domain=[0.5, last + 0.5], nice=False), axis=axis)
    y = alt.Y("value:Q", scale=alt.Scale(zero=False, padding=8), axis=alt.Axis(title=None, tickCount=4, minExtent=38))
    layers = [layer for policy, course in courses.items() for layer in _line(policy, course, x, y)]
    return svg(alt.layer(*layers).properties(width=WIDTH - 52, height=150), _course_words(name, task, courses))


def _line(policy: str, course: PolicyCourse, x: alt.X, y: alt.Y) -> list[alt.Chart]:
    """One policy's line, squares and ring."""
    colour = COLOURS[policy]
    line = alt.Chart(data(_points(course, range(1, len(course.validation) + 1)))).encode(x=x, y=y)
    looks: tuple[tuple[tuple[int, ...], dict[str, Any]], ...] = (
        (course.stopped, {"shape": "square", "color": CARD, "fill": colour, "size": 80, "strokeWidth": 1}),
        ((course.chosen,), {"shape": "circle", "color": colour, "size": 150, "strokeWidth": 1.8, "fill": None}),
    )
    return [
        line.mark_line(color=colour, strokeWidth=2, strokeDash=DASHES[policy]),
        *(
            alt.Chart(data(_points(course, epochs))).mark_point(opacity=1, **look).encode(x=x, y=y)
            for epochs, look in looks
        ),
    ]


def _points(course: PolicyCourse, epochs: Any) -> list[dict[str, Any]]:
    """Of those epochs, where the metric is defined."""
    values = [(epoch, course.validation[epoch - 1]) for epoch in epochs]
    return [{"epoch": epoch, "value": value} for epoch, value in values if value is not None]


def _course_words(name: str, task: ComparedTask, courses: Mapping[str, PolicyCourse]) -> str:
    said = [
        f"{policy}: "
        + (f"stopped after epoch {' and '.join(map(str, course.stopped))}" if course.stopped else "never stopped")
        + f", weights of epoch {course.chosen}"
        for policy, course in courses.items()
    ]
    return f"{name}: {metric_title(task.metric)} on validation per epoch, by stopping policy. {'; '.join(said)}"
