"""What the page says of courses, cards and splits, at their borders."""

import math
from dataclasses import replace
from typing import Any

import pytest

from mtl_core.problem import Problem, parse_problem
from mtl_core.report.cards import card
from mtl_core.report.contents import features_by_kind, split_words
from mtl_core.report.course import course
from mtl_core.training import Outcome
from tests.report.made import DOCUMENT, LONG, Made, history


def outcome(**changes: Any) -> Outcome:
    document = history() | changes
    for epoch in document["epochs"]:
        for key in ("losses", "values", "scores"):
            epoch[key] = {task: math.nan if value is None else value for task, value in epoch[key].items()}
    return Outcome.model_validate(document)


def test_gains_are_oriented(made: Made) -> None:
    tasks = {task.name: task for task in made.run().encoder.tasks}
    late, long = course(tasks["late"], "probability", outcome()), course(tasks[LONG], "minutes", outcome())
    assert late.gain(1, 2) == pytest.approx(0.1)  # an AUC that rose
    assert long.gain(1, 2) == pytest.approx(1.0)  # an error that fell
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
    late = made.run().encoder.tasks[0]
    assert course(late, "probability", outcome(chosen=chosen)).cells[-1] == words


def test_a_tiny_change_is_not_no_change(made: Made) -> None:
    late = made.run().encoder.tasks[0]
    found = course(late, "probability", outcome(standard_errors={"late": 10.0}))
    assert found.cells[-1].endswith("(<\N{NO-BREAK SPACE}0.1\N{NO-BREAK SPACE}s.e.)")


def test_the_scale_runs_from_worse_to_better(made: Made) -> None:
    run = made.run()
    for task in (run.encoder.tasks[0], run.encoder.tasks[2]):
        scale = card(run, task, run.scored(task)).scale
        assert scale is not None
        assert 0 < scale.trivial < scale.low <= scale.value <= scale.high < 100


def test_a_task_that_is_no_better_is_told_so(made: Made) -> None:
    run = made.run()
    late = run.encoder.tasks[0]
    entry = {"name": "late.auc over trivial", "passed": False}
    assert card(replace(run, checks={"checks": [entry]}), late, run.scored(late)).better is False
    assert card(replace(run, checks={"checks": []}), late, run.scored(late)).better is None


def test_a_scale_of_one_point_has_a_middle(made: Made) -> None:
    run = made.run()
    late = run.encoder.tasks[0]
    same = {"value": 0.5, "low": 0.5, "high": 0.5, "trivial": 0.5}
    scale = card(replace(run, evaluation={"late": {"auc": same}}), late, run.scored(late)).scale
    assert scale is not None
    assert (scale.trivial, scale.value) == (50, 50)


def _declared(**changes: Any) -> Problem:
    return parse_problem({**DOCUMENT, **changes})


def test_splits_in_words() -> None:
    by_time = _declared(split={"by": "time", "column": "day", "validation": "2024-03-01", "test": "2024-04-01"})
    by_hash = _declared(split={"by": "hash", "column": "key", "validation": 0.1, "test": 0.25})
    assert "By time: day before 2024-03-01 trains, from 2024-04-01 on tests" in split_words(by_time)
    assert "10% validate, 25% test" in split_words(by_hash)
    assert "By the column part" in split_words(_declared())


def test_features_in_words(made: Made) -> None:
    run = made.run()
    colour, size = run.encoder.features
    logged = size.model_copy(update={"transform": "log1p", "low": 0.0, "high": 2.0})
    encoder = run.encoder.model_copy(update={"features": (colour, logged)})
    assert features_by_kind(replace(run, encoder=encoder)) == {
        "categorical": [("colour", "3 values")],
        "numeric": [("size", "0 to 2, log")],
    }


def test_a_kind_of_feature_we_do_not_know_is_named(made: Made) -> None:
    class Tomorrow:
        kind, name = "image", "photo"

    run = made.run()
    encoder = run.encoder.model_construct(features=(Tomorrow(),), tasks=run.encoder.tasks)
    assert features_by_kind(replace(run, encoder=encoder)) == {"image": [("photo", "")]}


def test_targets_in_words(made: Made) -> None:
    run = made.run()
    late = run.encoder.tasks[0]
    yes = late.declared.model_copy(update={"at_least": None, "positive": "yes"})
    task = late.model_copy(update={"options": yes})
    assert card(run, task, run.scored(late)).target == "minutes = yes"
