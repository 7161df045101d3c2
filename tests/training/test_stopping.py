"""Laws of per-task early stopping over sequences of scores."""

import json
import math
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mtl_core.config import Stopping, parse_problem
from mtl_core.errors import ProblemError
from mtl_core.stopping import StopDecision, Stopper
from tests.small import document

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


def options(**changes: Any) -> Stopping:
    return Stopping.model_validate(changes)


def feed(stopper: Stopper, history: History) -> list[StopDecision]:
    return [stopper.update(scores) for scores in history]


def decisions(options: Stopping, history: History, tasks: tuple[str, ...] = TASKS) -> list[tuple[set[str], bool]]:
    """After every evaluation the stopped tasks, and True where training has ended."""
    stopper, states = options.build(tasks, patience=1), []
    for scores in history:
        stopper.update(scores)
        states.append((set(stopper.stopped), stopper.ended))
    return states


def of_one_task(scores: list[float]) -> History:
    return [{"a": score} for score in scores]


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


def test_a_rule_of_one_task_replaces_the_common_one() -> None:
    constant = [dict.fromkeys(TASKS, 0.0)] * 8
    rules = options(policy="freeze", patience=3, tasks={"a": {"patience": 1}, "b": {"warm_up": 6}})
    history = enumerate(feed(rules.build(TASKS, patience=1), constant), 1)
    assert {task: number for number, decision in history for task in decision.stopped} == {"a": 2, "c": 4, "b": 7}
    rising = [dict.fromkeys(TASKS, float(n)) for n in range(8)]
    rules = options(policy="freeze", patience=1, tasks={"b": {"min_improvement": 1.0}})
    assert [decision.stopped for decision in feed(rules.build(TASKS, patience=1), rising)][:3] == [(), ("b",), ()]


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
