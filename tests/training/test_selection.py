"""Laws of choosing an epoch."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtl_core.training.selection import best_epoch, useful_epochs

SCORE = st.one_of(st.integers(-3, 3).map(float), st.just(math.nan))
HISTORY = st.lists(st.fixed_dictionaries({"a": SCORE, "b": SCORE}), min_size=1, max_size=12)


@given(HISTORY)
def test_the_chosen_epoch_is_among_those_that_are_kept(history: list[dict[str, float]]) -> None:
    finite = [scores for scores in history if all(map(math.isfinite, scores.values()))]
    if finite:
        assert best_epoch(finite) in useful_epochs(finite)


@given(HISTORY, st.fixed_dictionaries({"a": SCORE, "b": SCORE}))
def test_a_dominated_epoch_never_comes_back(history: list[dict[str, float]], later: dict[str, float]) -> None:
    assert useful_epochs([*history, later]) - {len(history) + 1} <= useful_epochs(history)


@given(HISTORY)
def test_something_is_always_kept(history: list[dict[str, float]]) -> None:
    assert useful_epochs(history)


def test_an_epoch_best_on_every_task_is_chosen() -> None:
    assert best_epoch([{"a": 1.0, "b": 5.0}, {"a": 2.0, "b": 6.0}, {"a": 1.5, "b": 5.5}]) == 2


def test_of_equal_epochs_the_first_is_chosen() -> None:
    assert best_epoch([{"a": 1.0}, {"a": 1.0}]) == 1
    assert useful_epochs([{"a": 1.0}, {"a": 1.0}]) == {1}


def test_a_task_with_much_headroom_does_not_decide_alone() -> None:
    """100 standard errors on one task against 20 on each of three others."""
    early = {"wide": 0.0, "b": 20.0, "c": 20.0, "d": 20.0}
    late = {"wide": 100.0, "b": 0.0, "c": 0.0, "d": 0.0}
    assert best_epoch([early, late]) == 1


@pytest.mark.parametrize("nothing", [math.nan, -math.inf])
def test_a_task_never_scored_is_left_out(nothing: float) -> None:
    assert best_epoch([{"a": 1.0, "b": nothing}, {"a": 2.0, "b": nothing}]) == 2
