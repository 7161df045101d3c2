"""Section on the replay of past months: scores on the next month per cadence of retraining, and their cost."""

from typing import Any

import altair as alt
from markupsafe import Markup

from mtl_core.report.plots.figure import Table
from mtl_core.report.run import Run
from mtl_core.report.studies.replay_tables import (
    bad_promotion_lines,
    cadence_name,
    cost_cells,
    gain_text,
    metric_text,
    task_title,
)
from mtl_core.report.theme import ACCENT, INK, MUTED, SECOND, WIDTH, data, svg
from mtl_core.studies.replay.record import Replay, ReplayedCadence, ReplayedRetrain, Scores

NEVER = "never"
_STYLES = ((ACCENT, [1, 0]), (SECOND, [6, 3]), (INK, [2, 2]))
"""Colour and dash of a cadence's line; further cadences repeat them."""


def section(run: Run) -> dict[str, Any] | None:
    """Variables of the template; None without a study."""
    study = run.replay
    if study is None:
        return None
    head, *rows = cost_cells(study)
    names = [cadence_name(cadence.months) for cadence in study.cadences]
    scores = (
        (task_title(study, task), *(gain_text(study, task, cadence) for cadence in (None, *study.cadences)))
        for task in study.tasks
    )
    return {
        "current": run.is_current(study.provenance),
        "study": study,
        "charts": [(task, metric_text(study, task), _chart(study, task)) for task in study.tasks],
        "scores": Table(head=("task, metric", NEVER, *names), rows=tuple(scores)),
        "costs": Table(head=head, rows=tuple(rows)),
        "retrains": Table(
            head=("cadence", "month", "outcome", "on the next month"),
            rows=tuple(_retrain_cells(cadence, retrain) for cadence in study.cadences for retrain in cadence.retrains),
        ),
        "bad_promotions": bad_promotion_lines(study),
    }


def _retrain_cells(cadence: ReplayedCadence, retrain: ReplayedRetrain) -> tuple[str, ...]:
    parts = [f"better in {', '.join(retrain.better)}"] if retrain.better else []
    parts += [f"worse in {', '.join(retrain.worse)}"] if retrain.worse else []
    on_next = "; ".join(parts) or ("no significant difference" if retrain.next_month else "the first model")
    reasons = f": {'; '.join(retrain.reasons)}" if retrain.reasons else ""
    return cadence_name(cadence.months), retrain.month, f"{retrain.outcome}{reasons}", on_next


def _chart(study: Replay, task: str) -> Markup:
    """A line per cadence over the months, and one of the first model."""
    columns: dict[str, Scores] = {NEVER: study.never}
    columns |= {cadence_name(cadence.months): cadence.scores for cadence in study.cadences}
    styles = [(MUTED, [2, 3]), *(_STYLES[number % len(_STYLES)] for number in range(len(study.cadences)))]
    rows = [
        {"month": month, "value": value, "retrained": name}
        for name, scores in columns.items()
        for month, value in zip(study.months, scores[task], strict=True)
        if value is not None
    ]
    colours, dashes = (alt.Scale(domain=list(columns), range=list(values)) for values in zip(*styles, strict=True))
    legend = alt.Legend(orient="bottom", symbolType="stroke", symbolSize=400, title=None)
    labels = alt.Axis(title=None, grid=False, labelAngle=-45, labelOverlap=True)
    x = alt.X("month:O", scale=alt.Scale(domain=list(study.months)), axis=labels)
    y = alt.Y("value:Q", scale=alt.Scale(zero=False, padding=8), axis=alt.Axis(title=None, tickCount=4, minExtent=38))
    colour = alt.Color("retrained:N", scale=colours, legend=legend)
    base = alt.Chart(data(rows)).encode(x=x, y=y, color=colour)
    line = base.mark_line(strokeWidth=2).encode(strokeDash=alt.StrokeDash("retrained:N", scale=dashes, legend=legend))
    chart = alt.layer(line, base.mark_point(filled=True, size=30, opacity=1)).properties(width=WIDTH + 8, height=150)
    return svg(chart, f"{task_title(study, task)} on the next month, per cadence of retraining")
