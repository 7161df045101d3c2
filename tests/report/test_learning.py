"""Learning curves, stops and calibration: tables, texts and charts."""

import math
import re
from typing import Any

import pytest

from mtl_core.config import Stopping, TaskStopping
from mtl_core.report.learning import learning_curve, learning_notes, results_table, stopping_rule
from mtl_core.report.plots.curves import Curve, Span, learning_curves
from mtl_core.report.run import Run
from mtl_core.report.theme import svg
from mtl_core.report.wording import UNDEFINED
from mtl_core.training import TrainingResult
from tests.report.problem import LONG, history

MINUS = "\N{MINUS SIGN}"
REFITS = [
    {"task": "late", "improved": True, "before": 0.79, "after": 0.85, "epochs": 3},
    {"task": LONG, "improved": False, "before": 1.0, "after": 1.0, "epochs": 2},
]


def result(**changes: Any) -> TrainingResult:
    document = history() | changes
    for epoch in document["epochs"]:
        for key in ("losses", "values", "scores"):
            epoch[key] = {task: math.nan if value is None else value for task, value in epoch[key].items()}
    return TrainingResult.model_validate(document)


@pytest.mark.parametrize(
    ("task", "changes", "cells"),
    [
        ("late", {"chosen": 4}, ("0.800 (epoch 2)", "0.780", f"{MINUS}2.0", "2")),
        ("late", {"chosen": 2, "finetuned_heads": REFITS}, ("0.800 (epoch 2)", "0.850", "+5.0", "2")),
        (LONG, {"chosen": 4}, ("1.00 minutes (epoch 3)", "1.50 minutes", f"{MINUS}5.0", "never")),
        (LONG, {"chosen": 3}, ("1.00 minutes (epoch 3)", "1.00 minutes", "0.0", "never")),
        ("ghost", {}, (UNDEFINED, UNDEFINED, UNDEFINED, "4")),
        ("alone", {}, ("0.300 (epoch 4)", "0.200", f"{MINUS}2.0", "never")),
    ],
)
def test_best_and_final_values(run: Run, task: str, changes: dict[str, Any], cells: tuple[str, ...]) -> None:
    (objective,) = (objective for objective in run.tasks if objective.name == task)
    unit = "minutes" if task == LONG else "probability"
    (row,) = results_table([learning_curve(objective, unit, result(**changes))]).rows
    assert row[2:] == cells


@pytest.mark.parametrize(
    ("epochs_of", "distilled", "paused", "text"),
    [
        ({}, (), (), "best epoch 2; model"),
        ({"stopped": [4]}, (), (), "stopped after epoch 4; model"),
        (
            {"stopped": [2], "distilled": [3, 4]},
            ((2, 4),),
            (),
            "stopped after epoch 2; distilled in epochs 3 to 4; model",
        ),
        (
            {"stopped": [1, 3], "paused": [2, 4]},
            (),
            ((1, 2), (3, 4)),
            "; stopped after epoch 1; stopped after epoch 3;",
        ),
    ],
)
def test_a_curve_has_its_events(
    run: Run, epochs_of: Any, distilled: tuple[Span, ...], paused: tuple[Span, ...], text: str
) -> None:
    fields = ("stopped", "distilled", "paused")
    epochs = tuple(
        epoch.model_copy(update={field: ("late",) * (epoch.number in epochs_of.get(field, [])) for field in fields})
        for epoch in result().epochs
    )
    curve = learning_curve(run.tasks[0], "probability", result().model_copy(update={"epochs": epochs}))
    assert (curve.distilled, curve.paused, curve.stopped) == (distilled, paused, tuple(epochs_of.get("stopped", ())))
    assert text in curve.label
    chart = str(svg(learning_curves({"validation": curve}, (*curve.distilled, *curve.paused)), curve.label))
    assert len(re.findall(r'<path[^>]*fill="var\(--shade\)"', chart)) == len(distilled) + len(paused)


def test_a_task_is_not_paused_before_its_start(run: Run) -> None:
    (alone,) = (task for task in run.tasks if task.name == "alone")
    curve = learning_curve(alone, "probability", result())
    assert (curve.paused, curve.best, math.isnan(curve.value(1)), math.isnan(curve.value(None))) == ((), 4, True, True)


def test_several_curves_have_a_legend() -> None:
    curves = {name: Curve(values=(None, 0.5, 0.6), stopped=(2,), chosen=3) for name in ("joint", "freeze", "hold")}
    several, single = (str(svg(learning_curves(c), "")) for c in (curves, {"validation": curves["hold"]}))
    for name in curves:
        assert (f">{name}<" in several, f">{name}<" in single) == (True, False)
    assert all(f">{event}<" in single for event in ("best epoch", "stopped", "model"))


@pytest.mark.parametrize(
    ("stopping", "text"),
    [
        (Stopping(policy="joint"), "(joint): all tasks stop together after 3 epochs without improvement"),
        (Stopping(policy="hold", patience=1), "after 1 epoch without improvement; then it is distilled from its best"),
        (Stopping(policy="freeze", warm_up=5), "not before epoch 6; then its parameters are frozen and it is paused."),
        (Stopping(margin=1), "until its score is 1 standard error above its best."),
        (Stopping(margin=2.5), "until its score is 2.5 standard errors above its best."),
        (Stopping(tasks={name: TaskStopping(patience=9) for name in "abcde"}), "; own rules: a, b, c and 2 others."),
    ],
)
def test_the_stopping_rule_has_its_options(stopping: Stopping, text: str) -> None:
    assert text in stopping_rule(stopping, stopping.patience or 3)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"finetuned_heads": REFITS}, "kept: late."),
        ({"finetuned_heads": REFITS[1:]}, "kept: none."),
        ({"chosen": 4}, "late by 2.0"),
        ({"champion_teacher": {"champion": "a:1", "taught": ["late"]}}, "Taught by champion a:1: late."),
        (
            {"champion_teacher": {"champion": "a:1", "taught": [], "untaught": {"late": "it has no such task"}}},
            "Not taught by the champion: late; it has no such task.",
        ),
        ({"budget": history()["budget"] | {"epochs": 4}}, "The limit of 4 epochs"),
    ],
)
def test_learning_notes(changes: dict[str, Any], text: str) -> None:
    assert text in " ".join(learning_notes(result(**changes)))
    best_everywhere = result(chosen=1).model_copy(update={"epochs": result().epochs[:1]})
    assert learning_notes(best_everywhere) == []
