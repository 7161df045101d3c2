"""What the page says of cards, splits and features, at their borders."""

from dataclasses import replace
from typing import Any

import pytest

from mtl_core.config import Problem, parse_problem
from mtl_core.report.cards import card
from mtl_core.report.contents import coverage, duplicate_words, features_by_kind, split_words
from mtl_core.tasks.multilabel import Multilabel
from tests.report.made import Made
from tests.report.story import DOCUMENT


def test_the_scale_runs_from_worse_to_better(made: Made) -> None:
    run = made.run()
    for task in (run.tasks[0], run.tasks[2]):
        scale = card(run, task, run.scored(task)).scale
        assert scale is not None
        assert 0 < scale.trivial < scale.low <= scale.value <= scale.high < 100


@pytest.mark.parametrize(
    ("outcome", "high", "words"),
    [
        ("passed", 0.2, "better than the baseline"),
        ("warning", 0.2, "not shown to be better"),
        ("failed", 0.2, "not shown to be better"),
        ("failed", -0.1, "worse than the baseline"),
        ("failed", None, "not shown to be better"),
    ],
)
def test_the_comparison_with_the_baseline_is_told(made: Made, outcome: str, high: float | None, words: str) -> None:
    run = made.run()
    late = run.tasks[0]
    entry = {"name": "late.auc over baseline", "outcome": outcome, "high": high}
    told = card(replace(run, checks={"checks": [entry]}), late, run.scored(late)).against_baseline
    assert told is not None
    assert told[0] == outcome
    assert told[1].startswith(words)
    assert card(replace(run, checks={"checks": []}), late, run.scored(late)).against_baseline is None


def test_a_scale_of_one_point_has_a_middle(made: Made) -> None:
    run = made.run()
    late = run.tasks[0]
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
    by_row = _declared(split={"by": "hash", "column": "row"})
    assert "By a hash of the row, so that equal rows stay together" in split_words(by_row)
    shared = _declared(split={"by": "column", "column": "part", "train": ["a", 1], "validation": 0.2, "key": "person"})
    assert (
        split_words(shared)
        == "By the column part: 'a' or '1' trains, 20% of that, by a hash of person, validates, 'test' tests."
    )


def test_duplicates_in_words(made: Made) -> None:
    run = made.run()
    assert duplicate_words(replace(run, duplicates={"validation": 0, "test": 0})) == ""
    assert (
        duplicate_words(replace(run, duplicates={"validation": 3, "test": 300}))
        == "3 of the 300 validation rows and 300 of the 300 test rows equal a training row in every feature."
    )


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

        def describe(self) -> str:
            return "64 by 64"

    run = made.run()
    encoder = run.encoder.model_construct(features=(Tomorrow(),), tasks=run.encoder.tasks)
    assert features_by_kind(replace(run, encoder=encoder)) == {"image": [("photo", "64 by 64")]}


def test_targets_in_words(made: Made) -> None:
    run = made.run()
    late = run.tasks[0]
    task = late.options.model_copy(update={"at_least": None, "positive": "yes"}).objective(late.codec)
    assert card(run, task, run.scored(late)).target == "minutes = yes"


def test_several_targets_in_words_and_none(made: Made) -> None:
    run = made.run()
    tasks = {task.name: task for task in run.tasks}
    options = Multilabel(columns=("a", "b", "c", "d"))
    tags = options.objective(options.codec("tags", "number", options.columns))
    assert card(run, tags, run.scored(tasks["tags"])).target == "a, b, c and 1 other"
    assert card(run, tasks["alone"], run.scored(tasks["alone"])).target == "no target"


def test_a_class_that_training_did_not_have_is_counted_by_itself(made: Made) -> None:
    run = made.run()
    group = next(task for task in run.tasks if task.name == "group")
    without_red = group.options.objective(group.codec.model_copy(update={"classes": ("blue", "red")}))
    assert coverage(run, without_red).head == ("blue", "red", "not in training")
    assert len(coverage(run, group).head) == 3
