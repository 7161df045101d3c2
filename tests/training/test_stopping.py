"""Laws of the per-task stopper over any sequence of scores."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtl_core.stopping import Stopper, Stopping

TASKS = ("a", "b", "c")
SCORE = st.one_of(st.floats(-1e6, 1e6), st.sampled_from([math.nan, math.inf, -math.inf, 0.0]))
SCORES = st.lists(st.fixed_dictionaries(dict.fromkeys(TASKS, SCORE)), min_size=1, max_size=25)
OPTIONS = st.builds(
    Stopping,
    policy=st.sampled_from(["joint", "hold"]),
    patience=st.integers(1, 4),
    min_improvement=st.sampled_from([0.0, 0.5]),
    warm_up=st.integers(0, 3),
)


def feed(stopper: Stopper, history: list[dict[str, float]]) -> list[frozenset[str]]:
    return [stopper.update(scores) for scores in history]


@given(OPTIONS, SCORES)
def test_a_stopped_task_stays_stopped_and_is_announced_once(options: Stopping, history: list[dict[str, float]]) -> None:
    stopper, announced, before = Stopper(options, TASKS), [], frozenset[str]()
    for scores in history:
        announced += sorted(stopper.update(scores))
        assert before <= stopper.stopped
        before = stopper.stopped
    assert sorted(announced) == sorted(stopper.stopped)
    assert stopper.ended == (stopper.stopped == set(TASKS))


@given(OPTIONS, SCORES)
def test_nothing_stops_before_patience_and_warm_up(options: Stopping, history: list[dict[str, float]]) -> None:
    decisions = feed(Stopper(options, TASKS), history)
    first = max(options.patience, options.warm_up + 1)
    assert not any(decisions[: first - 1])


@given(OPTIONS, SCORES, st.integers(0, 24))
def test_a_stopper_restored_anywhere_decides_the_same(
    options: Stopping, history: list[dict[str, float]], cut: int
) -> None:
    whole = Stopper(options, TASKS)
    expected = feed(whole, history)
    before = Stopper(options, TASKS)
    feed(before, history[:cut])
    after = Stopper(options, TASKS)
    after.load_state_dict(json.loads(json.dumps(before.state_dict(), allow_nan=False)))
    assert feed(after, history[cut:]) == expected[cut:]
    assert after.state_dict() == whole.state_dict()


@given(st.permutations(TASKS), SCORES)
def test_the_order_of_tasks_decides_nothing(order: tuple[str, ...], history: list[dict[str, float]]) -> None:
    assert feed(Stopper(Stopping(), TASKS), history) == feed(Stopper(Stopping(), tuple(order)), history)


@given(SCORES, st.sampled_from([0.25, 2.0, 1024.0]))
def test_without_a_margin_the_scale_of_scores_changes_nothing(history: list[dict[str, float]], scale: float) -> None:
    scaled = [{task: score * scale for task, score in scores.items()} for scores in history]
    assert feed(Stopper(Stopping(), TASKS), history) == feed(Stopper(Stopping(), TASKS), scaled)


@pytest.mark.parametrize("policy", ["joint", "hold"])
@pytest.mark.parametrize("bad", [math.nan, -math.inf, math.inf])
def test_a_stream_that_is_not_finite_after_a_good_score_stops(policy: str, bad: float) -> None:
    stopper = Stopper(Stopping.model_validate({"policy": policy, "patience": 3}), ("a",))
    feed(stopper, [{"a": 1.0}, *({"a": bad},) * 2])
    assert not stopper.ended
    stopper.update({"a": bad})
    assert stopper.ended


def test_negative_scores_that_stay_within_the_margin_stop() -> None:
    stopper = Stopper(Stopping(patience=2, min_improvement=1.0), ("loss",))
    feed(stopper, [{"loss": -100.0}, {"loss": -99.5}, {"loss": -99.1}])
    assert stopper.ended


@pytest.mark.parametrize(
    ("scores", "stops_after"),
    [
        ([1.0, 2.0, 3.0, 4.0, 5.0], None),  # always better
        ([5.0, 4.0, 3.0], 3),  # never better than the first
        ([1.0, 1.0, 1.0], 3),  # equal is no improvement
        ([1.0, 0.0, 2.0, 0.0, 0.0], 5),  # an improvement fills the patience again
    ],
)
def test_patience_of_two(scores: list[float], stops_after: int | None) -> None:
    decisions = feed(Stopper(Stopping(patience=2), ("a",)), [{"a": score} for score in scores])
    when = next((i for i, stopped in enumerate(decisions, 1) if stopped), None)
    assert when == stops_after


def test_hold_stops_tasks_apart_and_joint_together() -> None:
    history = [{"quick": -float(i), "slow": 3.0 * i} for i in range(8)]
    apart, together = (
        Stopper(Stopping.model_validate({"policy": p, "patience": 2}), ("quick", "slow")) for p in ("hold", "joint")
    )
    feed(apart, history)
    feed(together, history)
    assert apart.stopped == {"quick"}
    assert together.stopped == frozenset()  # the mean still rises
