"""Learning curves of each task under the three stopping policies, on the same subset of the flights and with one seed.

    python docs/pictures/stopping.py

Needs data/ (`mtl data`) and a minute on one thread.
"""

import math
import tempfile
from pathlib import Path
from typing import Any

import altair as alt
from drawing import parse_arguments, rounded, save
from flights_subset import FlightsSubset, declared, flights

from mtl_core.report.learning import LearningCurve, learning_curve
from mtl_core.report.metric_names import metric_title
from mtl_core.report.theme import ACCENT, CARD, INK, MUTED, SECOND, SHADE, data
from mtl_core.tasks import Objective
from mtl_core.training import TrainingResult

POLICIES = ("joint", "freeze", "hold")
EPOCHS = 25
WIDTH, HEIGHT = 208, 92
"""Size of a panel."""
EMPTY = "\N{NO-BREAK SPACE}"
"""Placeholder for a line of text."""


def panel(curve: LearningCurve, domain: tuple[float, float], epochs: int, *, first: bool, last: bool) -> alt.LayerChart:
    """Metric of a task per epoch, with its stops, distilled and paused epochs, and the chosen epoch."""
    step = alt.Axis(title="epoch", values=list(range(5, epochs + 1, 5)), format="d", grid=False) if last else None
    x = alt.X("epoch:Q", scale=alt.Scale(domain=[0.5, epochs + 0.5], nice=False), axis=step)
    extent = {"minExtent": 34, "maxExtent": 34} if first else {"labels": False, "minExtent": 0, "maxExtent": 0}
    shape = alt.Axis(title=None, tickCount=3, **extent)
    y = alt.Y("value:Q", scale=alt.Scale(domain=list(domain), nice=False), axis=shape)
    values = [{"epoch": i, "value": v} for i, v in enumerate(curve.values, 1) if math.isfinite(v)]
    spans = [{"epoch": start, "end": end} for start, end in (*curve.distilled, *curve.paused)]

    def at(numbers: tuple[int, ...], **style: Any) -> alt.Chart:
        points = data([{"epoch": number, "value": curve.value(number)} for number in numbers])
        return alt.Chart(points).mark_point(opacity=1, clip=False, **style).encode(x=x, y=y)

    layers = [
        alt.Chart(data(spans)).mark_rect(color=SHADE).encode(x=x, x2="end:Q"),
        alt.Chart(data([{"epoch": curve.chosen}])).mark_rule(color=MUTED, strokeDash=[3, 3]).encode(x=x),
        alt.Chart(data(values)).mark_line(color=ACCENT, strokeWidth=1.8, clip=True).encode(x=x, y=y),
        at(curve.stopped, shape="square", color=CARD, fill=SECOND, size=62, strokeWidth=1),
        at((curve.chosen,), shape="circle", color=INK, size=110, strokeWidth=1.6),
    ]
    return alt.layer(*layers).properties(width=WIDTH, height=HEIGHT)


def heading(policy: str, task: str) -> alt.TitleParams:
    """Title of a panel: the policy and the task; never empty, so that all panels are equally high."""
    style = {"anchor": "start", "color": INK, "fontSize": 12, "offset": 5}
    if not policy:
        return alt.TitleParams(task or EMPTY, **style)
    return alt.TitleParams(
        policy, subtitle=task, subtitleColor=INK, subtitleFontWeight="bold", **style | {"fontSize": 14}
    )


def domain_of(curves: list[LearningCurve]) -> tuple[float, float]:
    """Common range of a task under every policy."""
    values = [value for curve in curves for value in curve.values if math.isfinite(value)]
    pad = 0.15 * (max(values) - min(values))
    return min(values) - pad, max(values) + pad


def numbers_of(curve: LearningCurve, result: TrainingResult) -> dict[str, Any]:
    """Numbers behind a learning curve, for the JSON file of the picture."""
    name = curve.task.name
    return {
        "metric": curve.task.metric.name,
        "values": [rounded(v, digits=4) for v in curve.values],
        "best": rounded(result.best(name), digits=4),
        "best_epoch": curve.best,
        "final": rounded(curve.final, digits=4),
        "lost_in_standard_errors": rounded(
            curve.task.metric.oriented(result.best(name) - curve.final), divisor=curve.noise, digits=2
        ),
        "stopped": list(curve.stopped),
        "distilled": [list(span) for span in curve.distilled],
        "paused": [list(span) for span in curve.paused],
    }


def run() -> tuple[tuple[Objective, ...], dict[str, TrainingResult]]:
    """The tasks, and the training result of each policy."""
    with tempfile.TemporaryDirectory() as work:
        subset = FlightsSubset.prepare(flights(), declared(epochs=EPOCHS), Path(work))
        results = {}
        for policy in POLICIES:
            document = declared(epochs=EPOCHS, stopping={"policy": policy, "patience": 3})
            _, results[policy] = subset.train(document, policy)
    return subset.tasks, results


def draw(tasks: tuple[Objective, ...], results: dict[str, TrainingResult]) -> None:
    """Write the learning curves of every task and policy, and their numbers."""
    epochs = max(len(result.epochs) for result in results.values())
    panels, numbers = (
        [],
        {
            policy: {"epochs": len(result.epochs), "chosen": result.chosen, "tasks": {}}
            for policy, result in results.items()
        },
    )
    for task in tasks:
        curves = {policy: learning_curve(task, "", result) for policy, result in results.items()}
        for policy, curve in curves.items():
            first, last = policy == POLICIES[0], task is tasks[-1]
            chart = panel(curve, domain_of(list(curves.values())), epochs, first=first, last=last)
            task_title = f"{task.name}, {metric_title(task.metric.name)}" if first or task is tasks[0] else ""
            panels.append(chart.properties(title=heading(policy if task is tasks[0] else "", task_title)))
            numbers[policy]["tasks"][task.name] = numbers_of(curve, results[policy])
    label = "The validation metric of each task over the epochs under joint, freeze and hold"
    save("stopping", alt.concat(*panels, columns=len(POLICIES), spacing={"row": 8, "column": 14}), label, numbers)


if __name__ == "__main__":
    parse_arguments(__doc__)
    draw(*run())
