"""Laws of per-task early stopping over any sequence of scores."""

import json
import math
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mtl_core.config import Stopping
from mtl_core.stopping import StopDecision, Stopper

law = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
TASKS = ("a", "b", "c")
POLICIES = ("joint", "freeze", "hold")
NOT_FINITE = (math.nan, math.inf, -math.inf)
SCORE = st.one_of(st.integers(-4, 4).map(float), st.floats(-1e6, 1e6), st.sampled_from(NOT_FINITE))
History = list[dict[str, float]]


def histories(score: st.SearchStrategy[float] = SCORE, tasks: tuple[str, ...] = TASKS) -> st.SearchStrategy[History]:
    return st.lists(st.fixed_dictionaries(dict.fromkeys(tasks, score)), min_size=1, max_size=25)


def any_options(*policies: str, **fixed: Any) -> st.SearchStrategy[Stopping]:
    """All options, with rules of single tasks; limits are quarters, so that scores equal them."""
    quarters = st.integers(0, 8).map(lambda n: n / 4)
    rule = {"patience": st.integers(1, 4), "min_improvement": quarters, "warm_up": st.integers(0, 4)}
    free: dict[str, st.SearchStrategy[Any]] = {
        **rule,
        "policy": st.sampled_from(policies or POLICIES),
        "end": st.sampled_from(["all", "any", *({"first": task} for task in TASKS)]),
        "margin": quarters,
        "tasks": st.dictionaries(st.sampled_from(TASKS), st.fixed_dictionaries({}, optional=rule), max_size=3),
    }
    return st.fixed_dictionaries(free | {key: st.just(value) for key, value in fixed.items()}).map(
        Stopping.model_validate
    )


START_EPOCHS = st.dictionaries(st.sampled_from(TASKS), st.integers(1, 6))


def feed(stopper: Stopper, history: History) -> list[StopDecision]:
    return [stopper.update(scores) for scores in history]


def decisions(options: Stopping, history: History, tasks: tuple[str, ...] = TASKS) -> list[tuple[set[str], bool]]:
    """After every evaluation the stopped tasks, and True where training has ended."""
    stopper, states = options.build(tasks, patience=1), []
    for scores in history:
        stopper.update(scores)
        states.append((set(stopper.stopped), stopper.ended))
    return states


@law
@given(any_options(), histories(), START_EPOCHS)
def test_a_decision_names_the_tasks_that_stop_and_resume_in_order(
    options: Stopping, history: History, starts: dict[str, int]
) -> None:
    stopper = options.build(TASKS, starts, patience=1)
    for scores in history:
        before = set(stopper.stopped)
        decision = stopper.update(scores)
        after = set(stopper.stopped)
        assert set(decision.stopped) == after - before
        assert set(decision.resumed) == before - after
        for tasks in (decision.stopped, decision.resumed, stopper.stopped):
            assert list(tasks) == sorted(tasks)


@law
@given(any_options("joint", "freeze"), histories())
def test_under_joint_and_freeze_no_task_resumes(options: Stopping, history: History) -> None:
    assert not any(decision.resumed for decision in feed(options.build(TASKS, patience=1), history))


@law
@given(any_options("hold"), histories())
def test_under_hold_a_task_resumes_only_by_a_score_more_than_the_margin_above_its_best(
    options: Stopping, history: History
) -> None:
    stopper = options.build(TASKS, patience=1)
    for number, scores in enumerate(history):
        before = {task: [s[task] for s in history[:number] if math.isfinite(s[task])] for task in stopper.stopped}
        for task in stopper.update(scores).resumed:
            assert math.isfinite(scores[task])
            assert scores[task] > before[task][0] + options.margin


@law
@given(any_options(), histories())
def test_nothing_stops_before_patience_and_warm_up(options: Stopping, history: History) -> None:
    for number, decision in enumerate(feed(options.build(TASKS, patience=1), history), 1):
        for task in decision.stopped:
            rule = options if options.policy == "joint" else options.of(task)
            assert number > rule.warm_up
            assert number > rule.patience  # the first score is an improvement


@law
@given(any_options(), st.lists(st.integers(0, 3), min_size=1, max_size=12))
def test_a_task_that_always_improves_by_more_than_the_minimum_never_stops(
    options: Stopping, increments: list[int]
) -> None:
    scores = [-50.0]
    for increment in increments:
        scores.append(scores[-1] + 2.25 + increment)  # min_improvement is at most 2
    stopper = options.build(TASKS, patience=1)
    assert not any(decision.stopped for decision in feed(stopper, [dict.fromkeys(TASKS, score) for score in scores]))
    assert not stopper.ended


@law
@given(any_options(), histories(), st.integers(0, 24), START_EPOCHS)
def test_a_restored_stopper_decides_the_same(
    options: Stopping, history: History, cut: int, starts: dict[str, int]
) -> None:
    uninterrupted, saved, restored = (options.build(TASKS, starts, patience=1) for _ in range(3))
    expected = feed(uninterrupted, history)
    feed(saved, history[:cut])
    restored.load_state_dict(json.loads(json.dumps(saved.state_dict(), allow_nan=False)))
    for name in ("stopped", "paused", "distilled", "ended"):
        assert getattr(restored, name) == getattr(saved, name)
    assert feed(restored, history[cut:]) == expected[cut:]
    assert restored.state_dict() == uninterrupted.state_dict()


@law
@given(any_options(), histories(), st.permutations(TASKS))
def test_decisions_do_not_depend_on_the_order_of_tasks(options: Stopping, history: History, order: list[str]) -> None:
    assert decisions(options, history) == decisions(options, history, tuple(order))


@law
@given(any_options(), histories(st.integers(-9, 9).map(float), ("a", "b")), st.integers(-1000, 1000))
def test_decisions_do_not_depend_on_a_constant_added_to_all_scores(
    options: Stopping, history: History, constant: int
) -> None:
    """Limits are not relative to the score, so they mean the same below 0."""
    shifted = [{task: score + constant for task, score in scores.items()} for scores in history]
    assert decisions(options, history, ("a", "b")) == decisions(options, shifted, ("a", "b"))


@law
@given(any_options(), histories(), st.sampled_from([0.25, 2.0, 1024.0]))
def test_decisions_do_not_depend_on_the_unit_of_scores_and_limits(
    options: Stopping, history: History, factor: float
) -> None:
    document = options.model_dump(exclude_none=True)
    for rules in (document, *document["tasks"].values()):
        rules |= {key: rules[key] * factor for key in ("min_improvement", "margin") if key in rules}
    scaled = [{task: score * factor for task, score in scores.items()} for scores in history]
    assert decisions(options, history) == decisions(Stopping.model_validate(document), scaled)


@law
@given(any_options("freeze", "hold", end="all", tasks={}), histories(), st.sampled_from(TASKS))
def test_a_rule_of_one_task_does_not_affect_the_others(options: Stopping, history: History, task: str) -> None:
    rules = {task: {"patience": 1, "min_improvement": 3.0, "warm_up": 2}}
    with_rule = Stopping.model_validate(options.model_dump() | {"tasks": rules})
    for (a, _), (b, _) in zip(decisions(options, history), decisions(with_rule, history), strict=True):
        assert a - {task} == b - {task}


@law
@given(any_options("joint", end="all"), histories())
def test_joint_ignores_rules_of_single_tasks_and_stops_all_together(options: Stopping, history: History) -> None:
    assert decisions(options, history) == decisions(options.model_copy(update={"tasks": {}}), history)
    assert all(stopped in (set(), set(TASKS)) for stopped, _ in decisions(options, history))


@law
@given(any_options(tasks={}), histories(st.integers(-4, 4).map(float)))
def test_training_ends_as_declared(options: Stopping, history: History) -> None:
    for stopped, ended in decisions(options, history):
        match options.model_dump()["end"]:
            case "all":
                assert ended == (stopped == set(TASKS))
            case "any":
                assert ended == (stopped != set())
            case {"first": task}:
                assert ended == (task in stopped)


@law
@given(any_options("freeze"), histories(), START_EPOCHS)
def test_training_ends_when_all_tasks_are_paused(options: Stopping, history: History, starts: dict[str, int]) -> None:
    stopper = options.build(TASKS, starts, patience=1)
    for scores in history:
        stopper.update(scores)
        assert stopper.ended or set(stopper.paused) != set(TASKS)


@law
@given(any_options(), histories(), st.sampled_from(TASKS), st.integers(2, 6), SCORE)
def test_scores_before_the_start_epoch_are_ignored(
    options: Stopping, history: History, task: str, start: int, score: float
) -> None:
    changed = [{**scores, task: score} for scores in history[: start - 1]] + history[start - 1 :]
    a, b = (options.build(TASKS, {task: start}, patience=1) for _ in range(2))
    for number, (scores, changed_scores) in enumerate(zip(history, changed, strict=True), 1):
        assert a.update(scores) == b.update(changed_scores)
        assert a.ended == b.ended
        assert number >= start or task not in a.stopped
