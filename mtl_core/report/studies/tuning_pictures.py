"""The pictures of a search for options: its course, and each option by itself. Pure functions."""

import statistics
from typing import Any

import altair as alt

from mtl_core.config import SearchRange
from mtl_core.report.theme import ACCENT, CARD, INK, MUTED, SECOND, WIDTH, data, short
from mtl_core.report.wording import option_value
from mtl_core.studies.tuning import Trial, Tuning

__all__ = ["course", "scatter"]

_COMPLETE: dict[str, Any] = {"shape": "circle", "color": CARD, "fill": ACCENT, "size": 55, "strokeWidth": 0.8}
_PRUNED: dict[str, Any] = {"shape": "circle", "color": MUTED, "fill": None, "size": 40, "strokeWidth": 1.4}
_FAILED: dict[str, Any] = {"shape": "cross", "color": CARD, "fill": SECOND, "size": 70, "strokeWidth": 0.8, "angle": 45}
_BEST: dict[str, Any] = {"shape": "circle", "color": INK, "fill": None, "size": 160, "strokeWidth": 1.8}


def course(study: Tuning) -> alt.TopLevelMixin:
    """The objective over the trials, a step line for the best so far."""
    last = study.trials[-1].number
    scale = alt.Scale(domain=[-0.5, last + 0.5], nice=False)
    x = alt.X("x:Q", scale=scale, axis=alt.Axis(title="trial", format="d", tickMinStep=1, grid=False))
    record, highest = [], None
    for trial in study.trials:
        if trial.state == "complete" and trial.objective is not None:
            highest = trial.objective if highest is None else max(highest, trial.objective)
        if highest is not None:
            record.append({"x": trial.number, "y": highest})
    step = alt.Chart(data(record)).mark_line(color=ACCENT, strokeWidth=2, interpolate="step-after")
    y = _gain(study)
    points = _points(study, x, y, [(trial, trial.number) for trial in study.trials])
    return alt.layer(_declared(y), step.encode(x=x, y=y), *points).properties(width=WIDTH - 52, height=190)


def scatter(study: Tuning, path: str) -> alt.TopLevelMixin:
    """The objective over the values of one option; a line where it is declared."""
    tuned, y = study.space[path], _gain(study)
    having = [(trial, trial.changes[path]) for trial in study.trials if path in trial.changes]
    if tuned.choices is None:
        scale = alt.Scale(type="log" if tuned.log else "linear", domain=_ends(study, path), nice=False, padding=8)
        x = alt.X("x:Q", scale=scale, axis=_values(tuned))
        at = [{"x": study.declared[path]}] if isinstance(study.declared[path], int | float) else []
        placed = having
    else:
        names = [option_value(choice) for choice in tuned.choices]
        declared = option_value(study.declared[path])
        axis = alt.Axis(title=None, grid=False, labelLimit=(WIDTH - 60) // len(names), labelAngle=0)
        x = alt.X("x:N", sort=list(dict.fromkeys(map(_name, names))), axis=axis, scale=alt.Scale(padding=0.5))
        at = [{"x": _name(declared)}] if declared in names else []
        placed = [(trial, _name(option_value(value))) for trial, value in having if option_value(value) in names]
    rule = alt.Chart(data(at)).mark_rule(color=MUTED, strokeDash=[3, 3]).encode(x=x)
    points = _points(study, x, y, placed)
    return alt.layer(rule, _declared(y), *points).properties(width=WIDTH - 52, height=130)


def _values(tuned: SearchRange) -> alt.Axis:
    look = {"format": ",d", "tickMinStep": 1} if tuned.whole else {"format": "~g"} if tuned.log else {}
    return alt.Axis(title=None, grid=False, tickCount=4, **look)


def _ends(study: Tuning, path: str) -> list[float]:
    """The range, and what is declared where it lies outside of it."""
    tuned, declared = study.space[path], study.declared[path]
    ends = [float(end) for end in (tuned.low, tuned.high) if end is not None]
    if isinstance(declared, int | float) and (declared > 0 or not tuned.log):
        ends.append(float(declared))
    return [min(ends), max(ends)]


def _gain(study: Tuning) -> alt.Y:
    axis = alt.Axis(title=None, tickCount=4, minExtent=38)
    return alt.Y("y:Q", scale=alt.Scale(domain=_frame(study), clamp=True, zero=False), axis=axis)


def _frame(study: Tuning) -> list[float]:
    """From the lower quartile of the complete trials or 0, whichever is lower, to the best: a bad trial would flatten
    the others.
    """
    gains = [trial.objective for trial in study.trials if trial.state == "complete" and trial.objective is not None]
    low = min(0.0, statistics.quantiles(gains, n=4)[0]) if len(gains) > 1 else min(0.0, *gains, 0.0)
    high = max(0.0, *gains, 0.0)
    room = 0.08 * (high - low) or 1.0
    return [low - room, high + room]


def _declared(y: alt.Y) -> alt.Chart:
    line: alt.Chart = alt.Chart(data([{"y": 0}])).mark_rule(color=MUTED).encode(y=y)
    return line


def _points(study: Tuning, x: alt.X, y: alt.Y, placed: list[tuple[Trial, Any]]) -> list[alt.Chart]:
    lowest = _frame(study)[0]
    layers = []
    for look, chosen in (
        (_PRUNED, [(trial, at) for trial, at in placed if trial.state == "pruned"]),
        (_FAILED, [(trial, at) for trial, at in placed if trial.state == "failed"]),
        (_COMPLETE, [(trial, at) for trial, at in placed if trial.state == "complete"]),
        (_BEST, [(trial, at) for trial, at in placed if trial.number == study.best]),
    ):
        rows = [{"x": at, "y": lowest if trial.objective is None else trial.objective} for trial, at in chosen]
        if rows:
            layers.append(alt.Chart(data(rows)).mark_point(opacity=1, **look).encode(x=x, y=y))
    return layers


def _name(text: str) -> str:
    return short(text, 18)
