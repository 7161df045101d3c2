"""Laws of choosing an epoch."""

import math
from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mtl_core.training.selection import best_epoch, best_epoch_of, useful_epochs

law = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # no matter how busy the machine
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
def test_the_chosen_epoch_is_among_those_that_are_kept_now_and_were_kept_before(
    history: History, later: dict[str, float], by: By
) -> None:
    assert best_epoch(history, by) in useful_epochs(history)
    chosen = best_epoch([*history, later], by)
    assert chosen == len(history) + 1 or chosen in useful_epochs(history)


@law
@given(HISTORY)
def test_the_best_epoch_of_every_task_is_kept(history: History) -> None:
    assert {best_epoch_of(task, history) for task in TASKS} <= useful_epochs(history)


@law
@given(HISTORY, EPOCH)
def test_an_epoch_that_was_dropped_never_comes_back(history: History, later: dict[str, float]) -> None:
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


@pytest.mark.parametrize("by", BY)
def test_an_epoch_best_on_every_task_is_chosen(by: By) -> None:
    assert best_epoch([{"a": 1.0, "b": 5.0}, {"a": 2.0, "b": 6.0}, {"a": 1.5, "b": 5.5}], by) == 2


def test_of_equal_epochs_the_first_is_kept() -> None:
    assert best_epoch([{"a": 1.0}, {"a": 1.0}]) == 1
    assert useful_epochs([{"a": 1.0}, {"a": 1.0}]) == {1}


def test_mean_and_worst_may_differ() -> None:
    """9 standard errors lost by one task against 4 lost by each of two."""
    history = [{"a": 0.0, "b": 9.0, "c": 9.0}, {"a": 5.0, "b": 5.0, "c": 9.0}, {"a": 9.0, "b": 0.0, "c": 0.0}]
    assert best_epoch(history, "mean") == 1
    assert best_epoch(history, "worst") == 2


def test_where_the_worst_task_is_equal_the_next_decides() -> None:
    """The third epoch is where `a` was best."""
    history = [{"a": 0.0, "b": 0.0, "c": 5.0}, {"a": 0.0, "b": 4.0, "c": 3.0}, {"a": 7.0, "b": -9.0, "c": -9.0}]
    assert best_epoch(history, "worst") == 2
    assert best_epoch([{"b": s["c"], "c": s["b"], "a": s["a"]} for s in history], "worst") == 2


def test_a_task_with_much_headroom_does_not_decide_alone_by_the_mean() -> None:
    """100 standard errors on one task against 20 on each of three others."""
    early = {"wide": 0.0, "b": 20.0, "c": 20.0, "d": 20.0}
    late = {"wide": 100.0, "b": 0.0, "c": 0.0, "d": 0.0}
    assert best_epoch([early, late]) == 1


@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("nothing", [math.nan, math.inf, -math.inf])
def test_a_task_never_scored_is_left_out(nothing: float, by: By) -> None:
    assert best_epoch([{"a": 1.0, "b": nothing}, {"a": 2.0, "b": nothing}], by) == 2
    assert best_epoch([{"a": nothing}, {"a": nothing}], by) == 1


@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("nothing", [math.nan, math.inf, -math.inf])
def test_an_epoch_in_which_a_task_lacks_its_score_is_chosen_last(nothing: float, by: By) -> None:
    """It has not begun yet, or it broke down: whatever the others have by then."""
    assert best_epoch([{"a": 99.0, "b": nothing}, {"a": 0.0, "b": 0.0}, {"a": 99.0, "b": nothing}], by) == 2
    apart = [{"a": nothing, "b": 1.0, "c": 0.0}, {"a": 1.0, "b": nothing, "c": 5.0}]
    assert best_epoch(apart, by) == 2
    assert best_epoch_of("b", apart) == 1


@pytest.mark.parametrize("by", BY)
def test_rounding_does_not_choose_an_epoch_that_was_dropped(by: By) -> None:
    """Both lie 1e16 below the best, as far as floats can tell, and the first is below the second."""
    history = [{"a": 0.0, "b": 0.0}, {"a": 0.5, "b": 0.0}, {"a": 1e16, "b": -1e17}, {"a": -1e17, "b": 1.0}]
    assert 1 not in useful_epochs(history)
    assert best_epoch(history, by) == 2
