"""Records of a training: tasks that the maximum number of epochs cut short, and tasks with a better epoch."""

import math

import pytest

from mtl_core.config.budget import Budget
from mtl_core.training import Epoch, TrainingResult

BUDGET = Budget(batch_size=8, steps_per_epoch=1, epochs=4, patience=2)


def result(
    *scores: float, stopped: dict[int, str] | None = None, resumed: dict[int, str] | None = None
) -> TrainingResult:
    """Epochs with the scores of task a; the score of task b is constant."""
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
    ("training", "expected"),
    [
        (result(1, 2, 3, 4), ("a",)),
        (result(1, 2, 4, 3), ("a",)),
        (result(1, 4, 2, 3), ()),
        (result(1, 2, 3), ()),
        (result(1, 2, 3, 4, stopped={3: "a"}), ()),
        (result(1, 2, 3, 4, stopped={2: "a"}, resumed={3: "a"}), ("a",)),
        (result(math.nan, math.nan, math.nan, math.nan), ()),
    ],
    ids=["rises", "rose within patience", "rose before", "ended early", "stopped", "resumed", "never had a score"],
)
def test_a_task_that_improved_within_patience_of_the_last_epoch_was_still_improving(
    training: TrainingResult, expected: tuple[str, ...]
) -> None:
    assert training.still_improving == expected


def test_a_task_without_a_score_is_not_still_improving_in_fewer_epochs_than_the_patience() -> None:
    budget = BUDGET.model_copy(update={"epochs": 2, "patience": 3})
    assert result(math.nan, math.nan).model_copy(update={"budget": budget}).still_improving == ("b",)


@pytest.mark.parametrize("sign", [1, -1], ids=["higher is better", "lower is better"])
def test_a_task_more_than_a_standard_error_below_its_best_epoch_is_behind(sign: int) -> None:
    training = result(0.5, 2.5, 1.0)
    epochs = tuple(
        epoch.model_copy(update={"values": {"a": sign * epoch.scores["a"], "b": 0.0}}) for epoch in training.epochs
    )
    for chosen, deficits in ((1, {"a": 2.0}), (2, {}), (3, {"a": 1.5})):
        assert training.model_copy(update={"epochs": epochs, "chosen": chosen}).deficits == deficits


def test_a_task_without_a_score_is_not_behind() -> None:
    assert result(math.nan, math.nan).deficits == {}
