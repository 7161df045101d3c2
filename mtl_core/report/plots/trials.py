"""Plots of a search for options: its history, and the objective over the values of one option (slice plot)."""

import statistics
from typing import Any

import altair as alt

from mtl_core.report.theme import ACCENT, INK, MUTED, SECOND, WIDTH, data
from mtl_core.report.wording import option_value
from mtl_core.studies.tuning import Trial, Tuning

_LOOKS = {"complete": (ACCENT, "circle"), "pruned": (MUTED, "triangle-down"), "failed": (SECOND, "cross")}


def optimization_history(study: Tuning) -> alt.TopLevelMixin:
    """Objective per trial, and the best so far as a line."""
    best, record = float("-inf"), []
    for trial in study.trials:
        if trial.state == "complete" and trial.objective is not None:
            best = max(best, trial.objective)
            record.append({"x": trial.number, "y": best})
    x = alt.X("x:Q", axis=alt.Axis(title="trial", format="d", tickMinStep=1, grid=False))
    line = alt.Chart(data(record)).mark_line(color=ACCENT, interpolate="step-after").encode(x=x, y="y:Q")
    return _trials(study, [(trial, trial.number) for trial in study.trials], x, line)


def slice_plot(study: Tuning, path: str) -> alt.TopLevelMixin:
    """Objective over the values of one option, with a dashed line at the declared value."""
    tuned, declared, marked = study.space[path], study.declared[path], list[Any]()
    values = [(trial, trial.changes[path]) for trial in study.trials if path in trial.changes]
    if tuned.choices is None:
        ticks = {"format": ",d", "tickMinStep": 1} if tuned.is_integer else {"format": "~g"} if tuned.log else {}
        marked = [declared] if isinstance(declared, int | float) and (declared > 0 or not tuned.log) else []
        ends = [end for end in (tuned.low, tuned.high, *marked) if end is not None]
        domain = [min(ends), max(ends)]
        scale = alt.Scale(type="log" if tuned.log else "linear", domain=domain, nice=False, padding=8, clamp=True)
        x = alt.X("x:Q", scale=scale, axis=alt.Axis(title=None, grid=False, tickCount=4, **ticks))
    else:
        names = [option_value(choice) for choice in tuned.choices]
        axis = alt.Axis(title=None, grid=False, labelLimit=WIDTH // len(names), labelAngle=0)
        x = alt.X("x:N", scale=alt.Scale(domain=names, padding=0.5), axis=axis)
        values = [(trial, text) for trial, value in values if (text := option_value(value)) in names]
        marked = [text for text in (option_value(declared),) if text in names]
    rule = alt.Chart(data(x=marked)).mark_rule(color=MUTED, strokeDash=[3, 3]).encode(x=x)
    return _trials(study, values, x, rule)


def _trials(study: Tuning, values: list[tuple[Trial, Any]], x: alt.X, behind: alt.Chart) -> alt.TopLevelMixin:
    """A point per trial, and a ring around the best. A trial without objective is drawn at the lower edge."""
    low, high = _bounds(study)
    y = alt.Y(
        "y:Q",
        scale=alt.Scale(domain=[low, high], clamp=True, zero=False),
        axis=alt.Axis(title="mean gain, s.e.", tickCount=4, minExtent=38),
    )
    rows = [
        {"x": value, "y": low if trial.objective is None else trial.objective, "state": trial.state}
        for trial, value in values
    ]
    best = [row for row, (trial, _) in zip(rows, values, strict=True) if trial.number == study.best]
    states = [state for state in _LOOKS if any(trial.state == state for trial in study.trials)]
    looks = zip(*(_LOOKS[state] for state in states), strict=True)
    colours, shapes = (alt.Scale(domain=states, range=list(look)) for look in looks)
    points = alt.Chart(data(rows)).mark_point(filled=True, size=50, opacity=0.9).encode(x=x, y=y)
    points = points.encode(color=alt.Color("state:N", scale=colours), shape=alt.Shape("state:N", scale=shapes))
    ring = alt.Chart(data(best)).mark_point(filled=False, color=INK, size=170, strokeWidth=1.8).encode(x=x, y=y)
    zero = alt.Chart(data(y=[0])).mark_rule(color=MUTED).encode(y=y)
    return alt.layer(zero, behind, points, ring).properties(width=WIDTH + 8, height=160)


def _bounds(study: Tuning) -> tuple[float, float]:
    """From the lower quartile of the complete trials, or 0, to the best: outliers would flatten the rest."""
    gains = [trial.objective for trial in study.trials if trial.state == "complete" and trial.objective is not None]
    low = min(0.0, statistics.quantiles(gains, n=4)[0] if len(gains) > 1 else 0.0)
    high = max(0.0, *gains, 0.0)
    margin = 0.08 * (high - low) or 1.0
    return low - margin, high + margin
