"""Laws of the selection of an epoch."""

import math
from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mtl_core.training.selection import best_epoch, best_epoch_of, useful_epochs

law = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
TASKS = ("a", "b", "c")
SCORE = st.one_of(
    st.integers(-3, 3).map(float), st.floats(-1e9, 1e9), st.sampled_from([math.nan, math.inf, -math.inf, 1e9 + 1e-6])
)
EPOCH = st.fixed_dictionaries(dict.fromkeys(TASKS, SCORE))
HISTORY = st.lists(EPOCH, min_size=1, max_size=12)
By = Literal["mean", "worst"]
BY: tuple[By, ...] = ("mean", "worst")
History = list[dict[str, float]]


def regrets(history: History, epoch: int) -> list[float]:
    """Regrets of the tasks that have a score, largest first."""
    best = {task: max(scores[task] for scores in history) for task in TASKS}
    return sorted((best[task] - history[epoch - 1][task] for task in TASKS), reverse=True)


@law
@given(HISTORY, EPOCH, st.sampled_from(BY))
def test_the_chosen_epoch_has_been_useful_since_it_ended(history: History, later: dict[str, float], by: By) -> None:
    assert best_epoch(history, by) in useful_epochs(history)
    chosen = best_epoch([*history, later], by)
    assert chosen == len(history) + 1 or chosen in useful_epochs(history)


@law
@given(HISTORY)
def test_the_best_epoch_of_every_task_is_useful(history: History) -> None:
    assert {best_epoch_of(task, history) for task in TASKS} <= useful_epochs(history)


@law
@given(HISTORY, EPOCH)
def test_an_epoch_that_is_not_useful_never_becomes_useful(history: History, later: dict[str, float]) -> None:
    assert useful_epochs([*history, later]) - {len(history) + 1} <= useful_epochs(history)


@law
@given(st.lists(st.fixed_dictionaries(dict.fromkeys(TASKS, st.integers(-9, 9).map(float))), min_size=1, max_size=8))
def test_no_epoch_is_better_than_the_chosen_one(history: History) -> None:
    """Computed independently: the mean square-rooted regret, or the largest regret."""
    for epoch in range(1, len(history) + 1):
        chosen = regrets(history, best_epoch(history, "mean"))
        assert math.fsum(map(math.sqrt, chosen)) <= math.fsum(map(math.sqrt, regrets(history, epoch))) + 1e-9
        assert max(regrets(history, best_epoch(history, "worst"))) <= max(regrets(history, epoch))


@law
@given(HISTORY, st.sampled_from(BY))
def test_the_first_of_equal_epochs_is_chosen(history: History, by: By) -> None:
    assert best_epoch([*history, *history], by) == best_epoch(history, by)


def test_of_equal_epochs_the_first_is_useful() -> None:
    assert useful_epochs([{"a": 1.0}, {"a": 1.0}]) == {1}


def test_mean_and_worst_may_differ() -> None:
    """A task loses 9 standard errors, or two lose 4 each."""
    history = [{"a": 0.0, "b": 9.0, "c": 9.0}, {"a": 5.0, "b": 5.0, "c": 9.0}, {"a": 9.0, "b": 0.0, "c": 0.0}]
    assert best_epoch(history, "mean") == 1
    assert best_epoch(history, "worst") == 2


def test_worst_compares_the_second_largest_regrets_where_the_largest_are_equal() -> None:
    """`a` is best in the third epoch."""
    history = [{"a": 0.0, "b": 0.0, "c": 5.0}, {"a": 0.0, "b": 4.0, "c": 3.0}, {"a": 7.0, "b": -9.0, "c": -9.0}]
    assert best_epoch(history, "worst") == 2
    assert best_epoch([{"b": s["c"], "c": s["b"], "a": s["a"]} for s in history], "worst") == 2


def test_under_mean_a_task_with_a_large_regret_does_not_decide_alone() -> None:
    """100 standard errors on one task or 20 on each of three others."""
    early = {"wide": 0.0, "b": 20.0, "c": 20.0, "d": 20.0}
    late = {"wide": 100.0, "b": 0.0, "c": 0.0, "d": 0.0}
    assert best_epoch([early, late]) == 1


@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("undefined", [math.nan, math.inf, -math.inf])
def test_a_task_that_never_has_a_score_is_ignored(undefined: float, by: By) -> None:
    assert best_epoch([{"a": 1.0, "b": undefined}, {"a": 2.0, "b": undefined}], by) == 2
    assert best_epoch([{"a": undefined}, {"a": undefined}], by) == 1


@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("undefined", [math.nan, math.inf, -math.inf])
def test_epochs_with_the_fewest_undefined_scores_come_first(undefined: float, by: By) -> None:
    assert best_epoch([{"a": 99.0, "b": undefined}, {"a": 0.0, "b": 0.0}, {"a": 99.0, "b": undefined}], by) == 2
    history = [{"a": undefined, "b": 1.0, "c": 0.0}, {"a": 1.0, "b": undefined, "c": 5.0}]
    assert best_epoch(history, by) == 2
    assert best_epoch_of("b", history) == 1


@pytest.mark.parametrize("by", BY)
def test_rounding_does_not_make_a_dominated_epoch_the_best(by: By) -> None:
    """The regrets of the first two epochs are both 1e16 in float64; the second dominates the first."""
    history = [{"a": 0.0, "b": 0.0}, {"a": 0.5, "b": 0.0}, {"a": 1e16, "b": -1e17}, {"a": -1e17, "b": 1.0}]
    assert 1 not in useful_epochs(history)
    assert best_epoch(history, by) == 2
