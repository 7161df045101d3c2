"""Early stopping on short sequences of scores, with limits on both sides."""

import math
from typing import Any

import pytest

from mtl_core.config import Stopping, parse_problem
from mtl_core.errors import ProblemError
from tests.small import document
from tests.training.test_stopping import NOT_FINITE, POLICIES, TASKS, History, feed


def options(**changes: Any) -> Stopping:
    return Stopping.model_validate(changes)


def of_one_task(scores: list[float]) -> History:
    return [{"a": score} for score in scores]


def test_golden_stops_and_resumptions_of_a_noisy_task() -> None:
    stopper = options(policy="hold", patience=2, margin=0.5).build(("a", "b"), patience=1)
    history = [0.0, 1.0, 0.2, 0.3, 1.4, 1.6, 1.7, 2.5, 2.4, 2.4, 2.9]
    decisions = feed(stopper, [{"a": a, "b": n} for n, a in enumerate(history)])
    assert [number for number, decision in enumerate(decisions) if decision.stopped] == [3, 9]
    assert [number for number, decision in enumerate(decisions) if decision.resumed] == [5]  # 1.6 is above 1.0 + 0.5


def test_a_resumed_task_has_its_whole_patience() -> None:
    stopper = options(policy="hold", patience=2, margin=1.0).build(("a", "b"), patience=1)
    history = [(5, 0), (4, 1), (4, 2), (6.5, 3), (6, 4), (6, 5), (6, 6), (8, 7)]
    decisions = feed(stopper, [{"a": a, "b": b} for a, b in history])
    assert [number for number, decision in enumerate(decisions) if decision.stopped] == [2, 5]
    assert [number for number, decision in enumerate(decisions) if decision.resumed] == [3, 7]


def test_a_rule_of_one_task_replaces_the_common_one() -> None:
    constant = [dict.fromkeys(TASKS, 0.0)] * 8
    rules = options(policy="freeze", patience=3, tasks={"a": {"patience": 1}, "b": {"warm_up": 6}})
    history = enumerate(feed(rules.build(TASKS, patience=1), constant), 1)
    assert {task: number for number, decision in history for task in decision.stopped} == {"a": 2, "c": 4, "b": 7}
    rising = [dict.fromkeys(TASKS, float(n)) for n in range(8)]
    rules = options(policy="freeze", patience=1, tasks={"b": {"min_improvement": 1.0}})
    assert [decision.stopped for decision in feed(rules.build(TASKS, patience=1), rising)][:3] == [(), ("b",), ()]


@pytest.mark.parametrize("patience", [1, 3])
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("score", NOT_FINITE)
def test_scores_that_are_not_finite_run_out_of_patience(policy: str, score: float, patience: int) -> None:
    stopper = options(policy=policy, patience=patience).build(("a",), patience=1)
    feed(stopper, of_one_task([1.0, *[score] * (patience - 1)]))
    assert not stopper.ended
    stopper.update({"a": score})
    assert stopper.stopped == ("a",)
    assert stopper.ended


@pytest.mark.parametrize("policy", ["freeze", "hold"])
@pytest.mark.parametrize("end", ["all", "any", {"first": "steady"}, {"first": "never"}], ids=str)
def test_a_task_that_never_has_a_score_does_not_affect_the_end_of_training(policy: str, end: object) -> None:
    """`steady` improves until its third evaluation, and runs out of patience at the fifth."""
    stopper, ended = options(policy=policy, patience=2, end=end).build(("steady", "never"), patience=1), []
    for score in [1.0, 2.0, 3.0, 3.0, 3.0]:
        stopper.update({"steady": score, "never": math.nan})
        assert "never" not in stopper.stopped
        ended.append(stopper.ended)
    assert ended == [False, False, False, False, True]


@pytest.mark.parametrize("policy", POLICIES)
def test_without_any_score_training_ends_after_patience(policy: str) -> None:
    stopper = options(policy=policy, patience=3).build(TASKS, patience=1)
    ended = []
    for _ in range(3):
        stopper.update(dict.fromkeys(TASKS, math.nan))
        ended.append(stopper.ended)
    assert ended == [False, False, True]
    assert stopper.stopped == ()


def test_a_late_first_score_is_an_improvement() -> None:
    stopper = options(policy="hold", patience=2).build(("late", "other"), patience=1)
    feed(stopper, [{"late": math.nan, "other": float(n)} for n in range(4)])
    later = feed(stopper, [{"late": -7.0, "other": 4.0 + n} for n in range(3)])
    assert [decision.stopped for decision in later] == [(), (), ("late",)]


@pytest.mark.parametrize("policy", POLICIES)
def test_training_does_not_end_before_a_task_has_started(policy: str) -> None:
    stopper = options(policy=policy, patience=2).build(("a", "late"), {"late": 6}, patience=1)
    for number in range(1, 8):
        stopper.update({"a": 0.0, "late": 1.0 if number >= 6 else math.nan})
        assert not stopper.ended
    stopper.update({"a": 0.0, "late": 1.0})
    assert stopper.ended


def test_joint_stops_by_the_mean_score() -> None:
    stopper = options(policy="joint", patience=2).build(("quick", "slow"), patience=1)
    feed(stopper, [{"quick": -float(i), "slow": 3.0 * i} for i in range(8)])
    assert stopper.stopped == ()
    feed(stopper, [{"quick": -8.0, "slow": 0.0}, {"quick": 0.0, "slow": 0.0}])
    assert stopper.stopped == ("quick", "slow")


def test_joint_resets_its_best_mean_at_the_first_score_of_a_task() -> None:
    stopper = options(policy="joint", patience=2).build(("a", "late"), patience=1)
    feed(stopper, [{"a": 100.0 + n, "late": math.nan} for n in range(3)])
    feed(stopper, [{"a": 103.0 + n, "late": 0.0} for n in range(4)])
    assert not stopper.ended


def test_the_mean_is_undefined_once_a_task_has_lost_its_score() -> None:
    stopper = options(policy="joint", patience=2).build(("a", "lost"), patience=1)
    feed(stopper, [{"a": 0.0, "lost": 0.0}, {"a": 50.0, "lost": math.nan}, {"a": 99.0, "lost": math.nan}])
    assert stopper.ended


def test_the_mean_of_the_largest_scores_does_not_overflow() -> None:
    stopper = options(policy="joint", patience=1).build(("a", "b"), patience=1)
    feed(stopper, [{"a": 1e308, "b": 1e308}, {"a": 1.5e308, "b": 1.5e308}])
    assert not stopper.ended
    stopper.update({"a": 1.5e308, "b": 1.4e308})
    assert stopper.ended


@pytest.mark.parametrize(
    ("limit", "scores", "stops"),
    [
        ({}, [1, 2, 3, 4, 5], None),
        ({}, [5, 4, 3], 3),  # no improvement after the first score
        ({}, [1, 1, 1], 3),  # equal is no improvement
        ({}, [1, 0, 2, 0, 0], 5),  # an improvement resets the patience
        ({}, [-3, -2, -1, 0, 1], None),
        ({"min_improvement": 1}, [0, 1, 1], 3),  # an improvement is more than the limit
        ({"min_improvement": 1}, [0, 1.25, 2.5, 3.75], None),
        ({"min_improvement": 1}, [0, 0.75, 1.25, 2, 2.25], 5),
        ({"min_improvement": 1}, [-100, -99.5, -99.1], 3),  # limits are not relative to the score
        ({"warm_up": 3}, [0, 0, 0, 0], 4),
        ({"warm_up": 3}, [0, 0, 0, 1, 1, 1], 6),
    ],
)
def test_patience_of_two(limit: dict[str, Any], scores: list[float], stops: int | None) -> None:
    decisions = feed(options(policy="freeze", patience=2, **limit).build(("a",), patience=1), of_one_task(scores))
    assert next((number for number, decision in enumerate(decisions, 1) if decision.stopped), None) == stops


@pytest.mark.parametrize(("score", "resumed"), [(1.0, ()), (1.25, ("a",)), (math.nan, ()), (math.inf, ())])
def test_the_margin_is_exclusive(score: float, resumed: tuple[str, ...]) -> None:
    stopper = options(policy="hold", patience=1, margin=1.0).build(("a", "b"), patience=1)
    feed(stopper, [{"a": 0.0, "b": 0.0}, {"a": 0.0, "b": 1.0}])
    assert stopper.distilled == ("a",)
    assert stopper.update({"a": score, "b": 2.0}).resumed == resumed


@pytest.mark.parametrize(
    ("policy", "paused", "distilled"), [("joint", (), ()), ("freeze", ("a",), ()), ("hold", (), ("a",))]
)
def test_the_policy_decides_what_a_stopped_task_does(
    policy: str, paused: tuple[str, ...], distilled: tuple[str, ...]
) -> None:
    stopper = options(policy=policy, patience=1).build(("a",), patience=1)
    feed(stopper, of_one_task([0.0, 0.0]))
    assert stopper.stopped == ("a",)
    assert (stopper.paused, stopper.distilled) == (paused, distilled)


@pytest.mark.parametrize("end", ["al", "first", None, 1, [], {"first": 1}, {"frist": "a"}, {"first": "a", "last": "b"}])
def test_another_end_is_refused_with_the_accepted_ones(end: object) -> None:
    with pytest.raises(ProblemError) as refused:
        parse_problem(document(stopping={"end": end}))
    (line,) = str(refused.value).splitlines()[1:]
    assert line.startswith("  training.stopping.end: ")
    assert f"found {end!r}; write `end: all`, `end: any` or `end: {{first: TASK}}`" in line
