"""Laws of the per-task stopper over any sequence of scores."""

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

law = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # no matter how busy the machine
TASKS = ("a", "b", "c")
POLICIES = ("joint", "freeze", "hold")
NOT_FINITE = (math.nan, math.inf, -math.inf)
SCORE = st.one_of(st.integers(-4, 4).map(float), st.floats(-1e6, 1e6), st.sampled_from(NOT_FINITE))
History = list[dict[str, float]]


def histories(score: st.SearchStrategy[float] = SCORE, tasks: tuple[str, ...] = TASKS) -> st.SearchStrategy[History]:
    return st.lists(st.fixed_dictionaries(dict.fromkeys(tasks, score)), min_size=1, max_size=25)


def any_options(*policies: str, **fixed: Any) -> st.SearchStrategy[Stopping]:
    """Every rule, for all tasks and for some of their own; quarters, so that borders are met."""
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


BEGINS = st.dictionaries(st.sampled_from(TASKS), st.integers(1, 6))


def options(**changes: Any) -> Stopping:
    return Stopping.model_validate(changes)


def feed(stopper: Stopper, history: History) -> list[StopDecision]:
    return [stopper.update(scores) for scores in history]


def decisions(options: Stopping, history: History, tasks: tuple[str, ...] = TASKS) -> list[tuple[set[str], bool]]:
    """After every evaluation: who has stopped, and whether training is over."""
    stopper, found = options.build(tasks, patience=1), []
    for scores in history:
        stopper.update(scores)
        found.append((set(stopper.stopped), stopper.ended))
    return found


def alone(scores: list[float]) -> History:
    return [{"a": score} for score in scores]


@law
@given(any_options(), histories(), BEGINS)
def test_a_change_says_who_stopped_and_who_trains_again(
    options: Stopping, history: History, begins: dict[str, int]
) -> None:
    stopper = options.build(TASKS, begins, patience=1)
    for scores in history:
        before = set(stopper.stopped)
        change = stopper.update(scores)
        after = set(stopper.stopped)
        assert set(change.stopped) == after - before
        assert set(change.resumed) == before - after
        for told in (change.stopped, change.resumed, stopper.stopped):
            assert list(told) == sorted(told), "in the problem's order"


@law
@given(any_options("joint", "freeze"), histories())
def test_what_has_stopped_never_comes_back_under_joint_and_freeze(options: Stopping, history: History) -> None:
    assert not any(change.resumed for change in feed(options.build(TASKS, patience=1), history))


@law
@given(any_options("hold"), histories())
def test_under_hold_a_task_trains_again_only_on_a_score_further_than_the_margin_above_its_best(
    options: Stopping, history: History
) -> None:
    """Whose best: of what it had reached when it stopped."""
    stopper = options.build(TASKS, patience=1)
    for number, scores in enumerate(history):
        before = {task: [s[task] for s in history[:number] if math.isfinite(s[task])] for task in stopper.stopped}
        for task in stopper.update(scores).resumed:
            assert math.isfinite(scores[task])
            assert scores[task] > before[task][0] + options.margin


def test_a_noisy_stretch_does_not_hold_a_task_for_ever() -> None:
    stopper = options(policy="hold", patience=2, margin=0.5).build(("a", "b"), patience=1)
    history = [0.0, 1.0, 0.2, 0.3, 1.4, 1.6, 1.7, 2.5, 2.4, 2.4, 2.9]
    told = [
        change.stopped or change.resumed for change in feed(stopper, [{"a": a, "b": n} for n, a in enumerate(history)])
    ]
    #                 stops    1.5 is not passed, then it is          stops, margin not passed
    assert told == [(), (), (), ("a",), (), ("a",), (), (), (), ("a",), ()]


def test_a_task_that_trains_again_has_its_whole_patience() -> None:
    stopper = options(policy="hold", patience=2, margin=1.0).build(("a", "b"), patience=1)
    history = [(5, 0), (4, 1), (4, 2), (6.5, 3), (6, 4), (6, 5), (6, 6), (8, 7)]
    told = [change.stopped or change.resumed for change in feed(stopper, [{"a": a, "b": b} for a, b in history])]
    #       best          stops     trains again  stops           trains again
    assert told == [(), (), ("a",), ("a",), (), ("a",), (), ("a",)]
    assert stopper.stopped == ()


@law
@given(any_options(), histories())
def test_nothing_stops_before_patience_and_warm_up(options: Stopping, history: History) -> None:
    for number, change in enumerate(feed(options.build(TASKS, patience=1), history), 1):
        for task in change.stopped:
            rule = options if options.policy == "joint" else options.of(task)
            assert number > rule.warm_up
            assert number > rule.patience, "the first score is an improvement"


@law
@given(any_options(), st.lists(st.integers(0, 3), min_size=1, max_size=12))
def test_what_improves_enough_every_time_never_stops(options: Stopping, ahead: list[int]) -> None:
    scores = [-50.0]
    for extra in ahead:
        scores.append(scores[-1] + 2.25 + extra)  # no min_improvement here is more than 2
    stopper = options.build(TASKS, patience=1)
    assert not any(change.stopped for change in feed(stopper, [dict.fromkeys(TASKS, score) for score in scores]))
    assert not stopper.ended


@law
@given(any_options(), histories(), st.integers(0, 24), BEGINS)
def test_a_stopper_restored_anywhere_decides_the_same(
    options: Stopping, history: History, cut: int, begins: dict[str, int]
) -> None:
    whole, before, after = (options.build(TASKS, begins, patience=1) for _ in range(3))
    expected = feed(whole, history)
    feed(before, history[:cut])
    after.load_state_dict(json.loads(json.dumps(before.state_dict(), allow_nan=False)))
    assert (after.stopped, after.paused, after.distilled, after.ended) == (
        *(before.stopped, before.paused, before.distilled, before.ended),
    )
    assert feed(after, history[cut:]) == expected[cut:]
    assert after.state_dict() == whole.state_dict()


@law
@given(any_options(), histories(), st.permutations(TASKS))
def test_the_order_of_tasks_decides_nothing(options: Stopping, history: History, order: list[str]) -> None:
    assert decisions(options, history) == decisions(options, history, tuple(order))


@law
@given(any_options(), histories(st.integers(-9, 9).map(float), ("a", "b")), st.integers(-1000, 1000))
def test_adding_a_constant_to_all_scores_decides_nothing(options: Stopping, history: History, constant: int) -> None:
    """Limits are no shares of the score: they mean the same above and below 0."""
    shifted = [{task: score + constant for task, score in scores.items()} for scores in history]
    assert decisions(options, history, ("a", "b")) == decisions(options, shifted, ("a", "b"))


@law
@given(any_options(), histories(), st.sampled_from([0.25, 2.0, 1024.0]))
def test_scaling_scores_and_limits_together_decides_nothing(options: Stopping, history: History, factor: float) -> None:
    document = options.model_dump(exclude_none=True)
    for rules in (document, *document["tasks"].values()):
        rules |= {key: rules[key] * factor for key in ("min_improvement", "margin") if key in rules}
    scaled = [{task: score * factor for task, score in scores.items()} for scores in history]
    assert decisions(options, history) == decisions(Stopping.model_validate(document), scaled)


@law
@given(any_options("freeze", "hold", end="all", tasks={}), histories(), st.sampled_from(TASKS))
def test_a_rule_of_one_task_changes_nothing_for_the_others(options: Stopping, history: History, task: str) -> None:
    own = {task: {"patience": 1, "min_improvement": 3.0, "warm_up": 2}}
    ruled = Stopping.model_validate(options.model_dump() | {"tasks": own})
    for (plain, _), (other, _) in zip(decisions(options, history), decisions(ruled, history), strict=True):
        assert plain - {task} == other - {task}


def test_a_rule_of_one_task_holds_for_it() -> None:
    same = [dict.fromkeys(TASKS, 0.0)] * 8
    ruled = options(policy="freeze", patience=3, tasks={"a": {"patience": 1}, "b": {"warm_up": 6}})
    when = {
        task: n for n, change in enumerate(feed(ruled.build(TASKS, patience=1), same), 1) for task in change.stopped
    }
    assert when == {"a": 2, "c": 4, "b": 7}
    rising = [dict.fromkeys(TASKS, float(n)) for n in range(8)]
    ruled = options(policy="freeze", patience=1, tasks={"b": {"min_improvement": 1.0}})
    assert [change.stopped for change in feed(ruled.build(TASKS, patience=1), rising)][:3] == [(), ("b",), ()]


@law
@given(any_options("joint", end="all"), histories())
def test_joint_knows_no_rule_of_one_task_and_stops_all_together(options: Stopping, history: History) -> None:
    plain = options.model_copy(update={"tasks": {}})
    assert decisions(options, history) == decisions(plain, history)
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
@given(any_options("freeze"), histories(), BEGINS)
def test_when_all_tasks_rest_training_is_over(options: Stopping, history: History, begins: dict[str, int]) -> None:
    """Nothing moves any more."""
    stopper = options.build(TASKS, begins, patience=1)
    for scores in history:
        stopper.update(scores)
        assert stopper.ended or set(stopper.paused) != set(TASKS)


@pytest.mark.parametrize("patience", [1, 3])
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("bad", NOT_FINITE)
def test_a_stream_that_is_not_finite_after_a_good_score_ends_when_patience_does(
    policy: str, bad: float, patience: int
) -> None:
    stopper = options(policy=policy, patience=patience).build(("a",), patience=1)
    feed(stopper, alone([1.0, *[bad] * (patience - 1)]))
    assert not stopper.ended
    stopper.update({"a": bad})
    assert stopper.stopped == ("a",)
    assert stopper.ended


@pytest.mark.parametrize("policy", ["freeze", "hold"])
@pytest.mark.parametrize("end", ["all", "any", {"first": "steady"}, {"first": "never"}], ids=str)
def test_a_task_that_never_has_a_score_neither_stops_nor_keeps_training_alive_nor_ends_it(
    policy: str, end: object
) -> None:
    """`steady` improves until its third evaluation, and runs out of its patience of two at the fifth."""
    stopper, ends = options(policy=policy, patience=2, end=end).build(("steady", "never"), patience=1), []
    for score in [1.0, 2.0, 3.0, 3.0, 3.0]:
        stopper.update({"steady": score, "never": math.nan})
        assert "never" not in stopper.stopped
        ends.append(stopper.ended)
    assert ends == [False, False, False, False, True]


@pytest.mark.parametrize("policy", POLICIES)
def test_where_no_task_ever_has_a_score_training_ends_when_patience_does(policy: str) -> None:
    stopper = options(policy=policy, patience=3).build(TASKS, patience=1)
    ends = []
    for _ in range(3):
        stopper.update(dict.fromkeys(TASKS, math.nan))
        ends.append(stopper.ended)
    assert ends == [False, False, True]
    assert stopper.stopped == ()


def test_a_first_score_is_an_improvement_whenever_it_comes() -> None:
    stopper = options(policy="hold", patience=2).build(("late", "other"), patience=1)
    feed(stopper, [{"late": math.nan, "other": float(n)} for n in range(4)])
    changes = feed(stopper, [{"late": -7.0, "other": 4.0 + n} for n in range(3)])
    assert [change.stopped for change in changes] == [(), (), ("late",)]


@law
@given(any_options(), histories(), st.sampled_from(TASKS), st.integers(2, 6), SCORE)
def test_before_a_task_begins_its_score_means_nothing(
    options: Stopping, history: History, task: str, begins: int, score: float
) -> None:
    other = [{**scores, task: score} for scores in history[: begins - 1]] + history[begins - 1 :]
    a, b = options.build(TASKS, {task: begins}, patience=1), options.build(TASKS, {task: begins}, patience=1)
    for number, (one, two) in enumerate(zip(history, other, strict=True), 1):
        assert a.update(one) == b.update(two)
        assert a.ended == b.ended
        assert number >= begins or task not in a.stopped


@pytest.mark.parametrize("policy", POLICIES)
def test_training_waits_for_a_task_that_has_not_begun(policy: str) -> None:
    stopper = options(policy=policy, patience=2).build(("a", "late"), {"late": 6}, patience=1)
    for number in range(1, 8):
        stopper.update({"a": 0.0, "late": 1.0 if number >= 6 else math.nan})
        assert not stopper.ended
    stopper.update({"a": 0.0, "late": 1.0})
    assert stopper.ended


def test_joint_goes_by_the_mean_of_scores() -> None:
    stopper = options(policy="joint", patience=2).build(("quick", "slow"), patience=1)
    feed(stopper, [{"quick": -float(i), "slow": 3.0 * i} for i in range(8)])
    assert stopper.stopped == (), "the mean still rises"
    feed(stopper, [{"quick": -8.0, "slow": 0.0}, {"quick": 0.0, "slow": 0.0}])
    assert stopper.stopped == ("quick", "slow")


def test_joint_starts_anew_when_a_task_joins_the_mean() -> None:
    """A first score far below the others' is no loss of what they had."""
    stopper = options(policy="joint", patience=2).build(("a", "late"), patience=1)
    feed(stopper, [{"a": 100.0 + n, "late": math.nan} for n in range(3)])
    feed(stopper, [{"a": 103.0 + n, "late": 0.0} for n in range(4)])
    assert not stopper.ended


def test_joint_has_no_mean_once_a_task_lost_its_score() -> None:
    stopper = options(policy="joint", patience=2).build(("a", "lost"), patience=1)
    feed(stopper, [{"a": 0.0, "lost": 0.0}, {"a": 50.0, "lost": math.nan}, {"a": 99.0, "lost": math.nan}])
    assert stopper.ended


def test_the_largest_scores_still_have_a_mean() -> None:
    stopper = options(policy="joint", patience=1).build(("a", "b"), patience=1)
    feed(stopper, [{"a": 1e308, "b": 1e308}, {"a": 1.5e308, "b": 1.5e308}])
    assert not stopper.ended
    stopper.update({"a": 1.5e308, "b": 1.4e308})
    assert stopper.ended


@pytest.mark.parametrize(
    ("limit", "scores", "stops"),
    [
        ({}, [1, 2, 3, 4, 5], None),  # always better
        ({}, [5, 4, 3], 3),  # never better than the first
        ({}, [1, 1, 1], 3),  # equal is no improvement
        ({}, [1, 0, 2, 0, 0], 5),  # an improvement fills the patience again
        ({}, [-3, -2, -1, 0, 1], None),  # below 0 is like above
        ({"min_improvement": 1}, [0, 1, 1], 3),  # exactly the limit is no improvement
        ({"min_improvement": 1}, [0, 1.25, 2.5, 3.75], None),
        ({"min_improvement": 1}, [0, 0.75, 1.25, 2, 2.25], 5),  # slowly: further than the limit once, then not
        ({"min_improvement": 1}, [-100, -99.5, -99.1], 3),  # a share of the score would never stop here
        ({"warm_up": 3}, [0, 0, 0, 0], 4),
        ({"warm_up": 3}, [0, 0, 0, 1, 1, 1], 6),
    ],
)
def test_patience_of_two(limit: dict[str, Any], scores: list[float], stops: int | None) -> None:
    changes = feed(options(policy="freeze", patience=2, **limit).build(("a",), patience=1), alone(scores))
    assert next((number for number, change in enumerate(changes, 1) if change.stopped), None) == stops


@pytest.mark.parametrize(("risen", "resumed"), [(1.0, ()), (1.25, ("a",)), (math.nan, ()), (math.inf, ())])
def test_the_margin_is_exclusive(risen: float, resumed: tuple[str, ...]) -> None:
    stopper = options(policy="hold", patience=1, margin=1.0).build(("a", "b"), patience=1)
    feed(stopper, [{"a": 0.0, "b": 0.0}, {"a": 0.0, "b": 1.0}])
    assert stopper.distilled == ("a",)
    assert stopper.update({"a": risen, "b": 2.0}).resumed == resumed


@pytest.mark.parametrize(("policy", "resting", "held"), [("joint", 0, 0), ("freeze", 1, 0), ("hold", 0, 1)])
def test_what_becomes_of_a_stopped_task_is_the_policys(policy: str, resting: bool, held: bool) -> None:
    stopper = options(policy=policy, patience=1).build(("a",), patience=1)
    feed(stopper, alone([0.0, 0.0]))
    assert stopper.stopped == ("a",)
    assert stopper.paused == (("a",) if resting else ())
    assert stopper.distilled == (("a",) if held else ())


@pytest.mark.parametrize("end", ["al", "first", None, 1, [], {"first": 1}, {"frist": "a"}, {"first": "a", "last": "b"}])
def test_another_end_is_refused_in_one_sentence(end: object) -> None:
    with pytest.raises(ProblemError) as refused:
        parse_problem(document(stopping={"end": end}))
    assert str(refused.value).splitlines()[1:] == [
        f"  training.stopping.end: must be all, any, or `first:` with the name of a task, found {end!r}; "
        "write `end: all`, `end: any` or `end: {first: TASK}`"
    ]
