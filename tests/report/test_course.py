"""What became of a task in training: in numbers, in words, in its picture."""

import math
import re
from typing import Any

import pytest

from mtl_core.config import Stopping, TaskStopping
from mtl_core.report.course import Course, Span, course
from mtl_core.report.curves import curve
from mtl_core.report.stopping_words import refit_words, stopping_words
from mtl_core.report.wording import NOTHING
from mtl_core.training import TrainingResult
from tests.report.made import Made
from tests.report.story import LONG, history


def outcome(**changes: Any) -> TrainingResult:
    document = history() | changes
    for epoch in document["epochs"]:
        for key in ("losses", "values", "scores"):
            epoch[key] = {task: math.nan if value is None else value for task, value in epoch[key].items()}
    return TrainingResult.model_validate(document)


def test_gains_are_oriented(made: Made) -> None:
    tasks = {task.name: task for task in made.run().tasks}
    late, long = (course(tasks[name], "minutes", outcome(chosen=4)) for name in ("late", LONG))
    assert late.cells[4].startswith("worse by 0.020")  # an AUC that fell
    assert long.cells[4].startswith("worse by 0.50 minutes")  # an error that rose
    assert course(tasks[LONG], "minutes", outcome(chosen=3)).cells[4] == "the same"
    assert (late.unit, long.unit) == ("", "minutes")


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        (1, "final is from before"),
        (2, "final is from then"),
        (3, "worse by 0.010 (1.0\N{NO-BREAK SPACE}s.e.)"),
        (4, "worse by 0.020 (2.0\N{NO-BREAK SPACE}s.e.)"),
    ],
)
def test_since_it_stopped(made: Made, chosen: int, words: str) -> None:
    late = made.run().tasks[0]
    assert course(late, "probability", outcome(chosen=chosen)).cells[-1] == words


def test_a_tiny_change_is_not_no_change(made: Made) -> None:
    late = made.run().tasks[0]
    found = course(late, "probability", outcome(standard_errors={"late": 10.0}))
    assert found.cells[-1].endswith("(<\N{NO-BREAK SPACE}0.1\N{NO-BREAK SPACE}s.e.)")


def late(made: Made, **lists: list[list[int]]) -> Course:
    """The course of `late` that stopped, was resumed, was held, rested in those epochs."""
    found = outcome()
    epochs = [
        epoch.model_copy(update={key: ("late",) if epoch.number in lists.get(key, []) else () for key in KEYS})
        for epoch in found.epochs
    ]
    return course(made.run().tasks[0], "probability", found.model_copy(update={"epochs": tuple(epochs)}))


KEYS = ("stopped", "resumed", "held", "resting")


@pytest.mark.parametrize(
    ("lists", "held", "rested", "words"),
    [
        ({}, (), (), ""),
        ({"stopped": [4]}, (), (), "stopped after epoch 4"),
        ({"stopped": [2], "held": [3, 4]}, ((2, 4),), (), "stopped after epoch 2; held from epoch 2 to 4"),
        ({"stopped": [3], "resting": [4]}, (), ((3, 4),), "stopped after epoch 3; rested from epoch 3 to 4"),
        (
            {"stopped": [1, 3], "resumed": [2], "resting": [2, 4]},
            (),
            ((1, 2), (3, 4)),
            "stopped after epoch 1 and 3; rested from epoch 1 to 2 and 3 to 4",
        ),
    ],
)
def test_stops_and_rests(
    made: Made, lists: dict[str, Any], held: tuple[Span, ...], rested: tuple[Span, ...], words: str
) -> None:
    found = late(made, **lists)
    assert (found.held, found.rested) == (held, rested)
    assert found.stopped == tuple(lists.get("stopped", ()))
    picture = str(curve(found))
    (label,) = re.findall(r'aria-label="([^"]*)"', picture)
    said = f"; {words}" if words else ""
    assert label == (
        f"late: AUC on validation over 4 epochs; best after epoch 2{said}; the model&#39;s weights are of epoch 3"
    )
    assert len(re.findall(r'<path[^>]*fill="var\(--shade\)"', picture)) == len(held) + len(rested)
    assert len(re.findall(r'<path[^>]*fill="var\(--second\)"', picture)) == len(found.stopped)


@pytest.mark.parametrize(
    ("stopped", "chosen", "cells"),
    [
        ([], 3, ("never", NOTHING)),
        ([1, 3], 3, ("epoch 1, again 3", "final is from then")),
        ([1, 2, 4], 3, ("epoch 1, again 2, 4", "worse by 0.010")),
        ([3, 4], 2, ("epoch 3, again 4", "final is from before")),
    ],
)
def test_several_stops_in_words(made: Made, stopped: list[int], chosen: int, cells: tuple[str, str]) -> None:
    epochs = outcome().model_copy(update={"chosen": chosen}).epochs
    changed = tuple(e.model_copy(update={"stopped": ("late",) if e.number in stopped else ()}) for e in epochs)
    whole = outcome(chosen=chosen).model_copy(update={"epochs": changed})
    found = course(made.run().tasks[0], "probability", whole).cells
    assert found[5] == cells[0]
    assert found[6].startswith(cells[1])


def test_a_task_that_begins_late_did_not_rest_before(made: Made) -> None:
    (alone,) = (task for task in made.run().tasks if task.name == "alone")
    found = course(alone, "probability", outcome())
    assert (found.rested, found.best, math.isnan(found.values[0])) == ((), 4, True)


REFITS = [
    {"task": "late", "kept": True, "before": 0.79, "after": 0.85, "epochs": 3},
    {"task": LONG, "kept": False, "before": 1.0, "after": 1.0, "epochs": 2},
]


def test_the_final_value_is_that_of_the_refitted_head(made: Made) -> None:
    tasks = {task.name: task for task in made.run().tasks}
    found = course(tasks["late"], "probability", outcome(refits=REFITS, chosen=2))
    assert found.cells[3:5] == ("0.850", "better by 0.050 (5.0\N{NO-BREAK SPACE}s.e.)")
    assert found.cells[6] == found.cells[4]  # since it stopped, at the best epoch
    assert str(curve(found)).count("its head was trained on after that") == 1
    kept_old = course(tasks[LONG], "minutes", outcome(refits=REFITS))
    assert kept_old.cells[3:5] == ("1.00 minutes", "the same")
    assert "trained on" not in str(curve(kept_old))


@pytest.mark.parametrize(
    ("refits", "words"),
    [
        ([], ""),
        (
            REFITS[:1],
            "Then heads were fine-tuned by themselves, with the trunk frozen: late got better on valid",
        ),
        (REFITS, ": late got better on validation, the others keep the heads that they had."),
        (REFITS[1:], ": none got better on validation, the others keep the heads that they had."),
    ],
)
def test_refits_in_words(refits: list[dict[str, Any]], words: str) -> None:
    assert words in refit_words(outcome(refits=refits))


@pytest.mark.parametrize(
    ("stopping", "words"),
    [
        (Stopping(policy="joint"), "All tasks stop together, after 3 epochs without a new best mean of their scores."),
        (Stopping(policy="hold", patience=1), "after 1 epoch without a new best; from then on it is held: it learns"),
        (Stopping(policy="freeze", warm_up=5), "without a new best, though not in the first 5; from then on it rests"),
        (Stopping(margin=1), "from its labels again once it is more than 1 standard error above its best."),
        (Stopping(margin=2.5), "more than 2.5 standard errors above its best."),
        (Stopping(tasks={"a": TaskStopping(patience=9)}), "without a new best (a by a rule of its own); from then on"),
        (
            Stopping(tasks={name: TaskStopping(patience=9) for name in "abcde"}),
            "without a new best (a, b, c and 2 others by a rule of their own); from then",
        ),
    ],
)
def test_stopping_in_words(stopping: Stopping, words: str) -> None:
    assert words in stopping_words(stopping, stopping.patience or 3)
