"""Records of a training: the tasks that its limit cut short, and those for which another epoch was better."""

import math

import pytest

from mtl_core.config.budget import Budget
from mtl_core.training import Epoch, TrainingResult

BUDGET = Budget(batch_size=8, steps_per_epoch=1, epochs=4, patience=2)


def result(
    *scores: float, stopped: dict[int, str] | None = None, resumed: dict[int, str] | None = None
) -> TrainingResult:
    """Epochs with the scores of task a; task b has the same score in all."""
    epochs = tuple(
        Epoch(
            number=number,
            losses={},
            values={"a": score, "b": 0.0},
            scores={"a": score, "b": 0.0},
            stopped=tuple((stopped or {}).get(number, "")),
            resumed=tuple((resumed or {}).get(number, "")),
            distilled=(),
        )
        for number, score in enumerate(scores, 1)
    )
    return TrainingResult(budget=BUDGET, epochs=epochs, chosen=1, standard_errors={"a": 1.0, "b": 1.0}, parameters=1)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (result(1, 2, 3, 4), ("a",)),
        (result(1, 2, 4, 3), ("a",)),
        (result(1, 4, 2, 3), ()),
        (result(1, 2, 3), ()),
        (result(1, 2, 3, 4, stopped={3: "a"}), ()),
        (result(1, 2, 3, 4, stopped={2: "a"}, resumed={3: "a"}), ("a",)),
        (result(math.nan, math.nan, math.nan, math.nan), ()),
    ],
    ids=["rises", "rose lately", "rose long ago", "ended early", "stopped", "resumed", "never had a score"],
)
def test_a_task_that_improved_until_the_limit_was_cut_short(found: TrainingResult, expected: tuple[str, ...]) -> None:
    assert found.cut_short == expected


def test_a_task_without_a_score_was_not_cut_short_by_a_limit_below_the_patience() -> None:
    found = result(math.nan, math.nan)
    short = found.model_copy(update={"budget": BUDGET.model_copy(update={"epochs": 2, "patience": 3})})
    assert short.cut_short == ("b",)


@pytest.mark.parametrize("sign", [1, -1], ids=["higher is better", "lower is better"])
def test_a_task_more_than_a_standard_error_behind_its_own_best_epoch_is_named(sign: int) -> None:
    found = result(0.5, 2.5, 1.0)
    epochs = [epoch.model_copy(update={"values": {"a": sign * epoch.scores["a"], "b": 0.0}}) for epoch in found.epochs]
    assert [found.model_copy(update={"epochs": tuple(epochs), "chosen": chosen}).behind for chosen in (1, 2, 3)] == [
        {"a": 2.0},
        {},
        {"a": 1.5},
    ]


def test_a_task_without_a_score_is_not_behind() -> None:
    assert result(math.nan, math.nan).behind == {}


def test_an_epoch_is_stored_with_the_keys_of_older_versions_which_may_lack_the_newer_ones() -> None:
    old = {"number": 1, "losses": {}, "values": {}, "scores": {}, "stopped": [], "held": ["a"]}
    epoch = Epoch.model_validate(old)
    assert (epoch.distilled, epoch.paused, epoch.relatedness) == (("a",), (), None)
    assert (old | {"resting": []}).items() <= epoch.model_dump(mode="json").items()
