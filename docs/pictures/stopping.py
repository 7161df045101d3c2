"""Learning curves of each task under the three stopping policies: the same part of the flights, the same seed.

    python docs/pictures/stopping.py

Needs data/ (`mtl data`) and a minute on one thread.
"""

import math
import tempfile
from pathlib import Path
from typing import Any

import altair as alt
from drawing import save, share
from flights_part import Part, declared, flights

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
"""A line of text that takes its room."""


def panel(shown: LearningCurve, domain: tuple[float, float], epochs: int, *, first: bool, last: bool) -> alt.LayerChart:
    """A task under a policy: its metric per epoch, with stops, rests and holds, and the chosen epoch."""
    step = alt.Axis(title="epoch", values=list(range(5, epochs + 1, 5)), format="d", grid=False) if last else None
    x = alt.X("epoch:Q", scale=alt.Scale(domain=[0.5, epochs + 0.5], nice=False), axis=step)
    extent = {"minExtent": 34, "maxExtent": 34} if first else {"labels": False, "minExtent": 0, "maxExtent": 0}
    shape = alt.Axis(title=None, tickCount=3, **extent)
    y = alt.Y("value:Q", scale=alt.Scale(domain=list(domain), nice=False), axis=shape)
    values = [{"epoch": i, "value": v} for i, v in enumerate(shown.values, 1) if math.isfinite(v)]
    spans = [{"epoch": start, "end": end} for start, end in (*shown.distilled, *shown.paused)]

    def at(numbers: tuple[int, ...], **look: Any) -> alt.Chart:
        points = data([{"epoch": number, "value": shown.value(number)} for number in numbers])
        return alt.Chart(points).mark_point(opacity=1, clip=False, **look).encode(x=x, y=y)

    layers = [
        alt.Chart(data(spans)).mark_rect(color=SHADE).encode(x=x, x2="end:Q"),
        alt.Chart(data([{"epoch": shown.chosen}])).mark_rule(color=MUTED, strokeDash=[3, 3]).encode(x=x),
        alt.Chart(data(values)).mark_line(color=ACCENT, strokeWidth=1.8, clip=True).encode(x=x, y=y),
        at(shown.stopped, shape="square", color=CARD, fill=SECOND, size=62, strokeWidth=1),
        at((shown.chosen,), shape="circle", color=INK, size=110, strokeWidth=1.6),
    ]
    return alt.layer(*layers).properties(width=WIDTH, height=HEIGHT)


def heading(policy: str, task: str) -> alt.TitleParams:
    """Above every panel, so that all are equally high: the policy, and the task."""
    look = {"anchor": "start", "color": INK, "fontSize": 12, "offset": 5}
    if not policy:
        return alt.TitleParams(task or EMPTY, **look)
    return alt.TitleParams(
        policy, subtitle=task, subtitleColor=INK, subtitleFontWeight="bold", **look | {"fontSize": 14}
    )


def domain_of(courses: list[LearningCurve]) -> tuple[float, float]:
    """Common range of a task under every policy."""
    values = [value for shown in courses for value in shown.values if math.isfinite(value)]
    pad = 0.15 * (max(values) - min(values))
    return min(values) - pad, max(values) + pad


def numbers_of(shown: LearningCurve, outcome: TrainingResult) -> dict[str, Any]:
    """Numbers behind a learning curve, for the JSON file of the picture."""
    name = shown.task.name
    return {
        "metric": shown.task.metric.name,
        "values": [share(v, places=4) for v in shown.values],
        "best": share(outcome.best(name), places=4),
        "best_epoch": shown.best,
        "final": share(shown.final, places=4),
        "lost_in_standard_errors": share(
            shown.task.metric.oriented(outcome.best(name) - shown.final), of=shown.noise, places=2
        ),
        "stopped": list(shown.stopped),
        "held": [list(span) for span in shown.distilled],
        "rested": [list(span) for span in shown.paused],
    }


def run() -> tuple[tuple[Objective, ...], dict[str, TrainingResult]]:
    """The tasks, and what each policy made of them."""
    with tempfile.TemporaryDirectory() as work:
        part = Part.prepared(flights(), declared(epochs=EPOCHS), Path(work))
        outcomes = {}
        for policy in POLICIES:
            document = declared(epochs=EPOCHS, stopping={"policy": policy, "patience": 3})
            _, outcomes[policy], _ = part.trained(document, policy)
    return part.tasks, outcomes


def draw(tasks: tuple[Objective, ...], outcomes: dict[str, TrainingResult]) -> None:
    """Write the learning curves of every task and policy, and their numbers."""
    epochs = max(len(outcome.epochs) for outcome in outcomes.values())
    panels, numbers = (
        [],
        {
            policy: {"epochs": len(outcome.epochs), "chosen": outcome.chosen, "tasks": {}}
            for policy, outcome in outcomes.items()
        },
    )
    for task in tasks:
        line = {policy: learning_curve(task, "", outcome) for policy, outcome in outcomes.items()}
        for policy, shown in line.items():
            first, last = policy == POLICIES[0], task is tasks[-1]
            chart = panel(shown, domain_of(list(line.values())), epochs, first=first, last=last)
            words = f"{task.name}, {metric_title(task.metric.name)}" if first or task is tasks[0] else ""
            panels.append(chart.properties(title=heading(policy if task is tasks[0] else "", words)))
            numbers[policy]["tasks"][task.name] = numbers_of(shown, outcomes[policy])
    label = "The validation metric of each task over the epochs under joint, freeze and hold"
    save("stopping", alt.concat(*panels, columns=len(POLICIES), spacing={"row": 8, "column": 14}), label, numbers)


if __name__ == "__main__":
    draw(*run())
