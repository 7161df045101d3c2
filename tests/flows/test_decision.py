"""The decision about a candidate: refused, promoted or kept, with the reason in words."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flows.retrain.artifacts.comparison import comparison_markdown
from flows.retrain.compare import ChampionComparison
from flows.retrain.decision import Decision, decide, refusal, respect_rollback, worse_tasks
from mtl_core.churn import Churn
from mtl_core.config import Gates
from mtl_core.evaluation import Difference
from mtl_core.slices import SliceComparison, SliceDifference
from serving.champion import Promotion

WORSE, SAME, BETTER = (-0.02, -0.03, -0.01), (0.0, -0.01, 0.01), (0.02, 0.01, 0.03)
YEAR = timedelta(days=365)


def difference(task: str, values: tuple[float, float, float]) -> Difference:
    better, low, high = values
    numbers = {"reference": 0.7, "candidate": 0.7 + better, "difference": better, "low": low, "high": high}
    return Difference(task=task, metric="auc", **numbers)


def slice_difference(value: str | None, better: float, high: float, task: str = "a") -> SliceDifference:
    return SliceDifference(
        column="carrier",
        value=value,
        rows=612,
        task=task,
        metric="auc",
        reference=0.7,
        candidate=0.7 + better,
        difference=better,
        standard_error=0.01,
        high=high,
    )


def comparison(*differences: Difference, slices: tuple[SliceDifference, ...] = (), **fields: Any) -> ChampionComparison:
    compared = SliceComparison(differences=slices)
    return ChampionComparison(champion="m:old", differences=differences, slices=compared, **fields)


@pytest.mark.parametrize(
    ("values", "tolerance", "worse"),
    [
        pytest.param((0.01, 0.005, 0.015), 0.0, False, id="better"),
        pytest.param((0.0, 0.0, 0.0), 0.0, False, id="equal"),
        pytest.param((-0.01, -0.03, 0.0), 0.0, False, id="worse, but not significantly"),
        pytest.param((-0.01, -0.03, -1e-9), 0.0, True, id="significantly worse"),
        pytest.param((-0.01, -0.03, -0.001), 0.01, False, id="worse by the tolerance"),
        pytest.param((-0.0101, -0.03, -0.001), 0.01, True, id="worse by more than the tolerance"),
        pytest.param((-0.0101, -0.03, -0.001), {"t": 0.02}, False, id="within the task's own margin"),
        pytest.param((-0.0101, -0.03, -0.001), {"good": 0.02}, True, id="0 where another task has a margin"),
        pytest.param((-9.0, -9.0, -9.0), {"t": None}, False, id="not compared"),
        pytest.param((math.nan, math.nan, math.nan), 1.0, True, id="not a number"),
    ],
)
def test_a_task_is_worse_only_significantly_and_beyond_its_margin(
    values: tuple[float, float, float], tolerance: Any, worse: bool
) -> None:
    gates = Gates(worse_than_champion=tolerance)
    compared = comparison(difference("good", (0.1, 0.1, 0.1)), difference("t", values))
    assert [task.task for task in worse_tasks(compared, gates)] == ["t"] * worse
    assert decide(compared, "m:new", gates, age=None).outcome == ("refused" if worse else "promoted")


@pytest.mark.parametrize(
    ("values", "outcome"),
    [
        ((SAME, SAME), "kept"),
        ((BETTER, SAME), "promoted"),
        ((BETTER, WORSE), "refused"),
        ((), "kept"),
    ],
)
def test_a_candidate_is_promoted_if_a_task_is_better_and_none_is_worse(values: Any, outcome: str) -> None:
    compared = comparison(*(difference(f"t{number}", of) for number, of in enumerate(values)))
    assert decide(compared, "m:new", Gates(), age=YEAR).outcome == outcome


@pytest.mark.parametrize(
    ("age", "outcome"),
    [
        (timedelta(days=30), "kept"),
        (timedelta(days=30, seconds=1), "promoted"),
        (None, "kept"),
    ],
)
def test_a_champion_beyond_max_age_is_replaced_by_a_candidate_that_is_not_worse(age: Any, outcome: str) -> None:
    gates = Gates(max_age="30 days")
    decision = decide(comparison(difference("a", SAME)), "m:new", gates, age=age)
    assert decision.outcome == outcome
    assert "30 days" in decision.reasons[0]
    assert decide(comparison(difference("a", WORSE)), "m:new", gates, age=age).outcome == "refused"


def test_a_champion_whose_schema_does_not_fit_is_replaced_by_a_candidate_that_is_not_worse() -> None:
    changed = {"schema_changes": ("it lacks tier",)}
    decision = decide(comparison(difference("a", SAME), **changed), "m:new", Gates(), age=None)
    assert decision.outcome == "promoted"
    assert decision.reasons == ("the champion's schema no longer fits the problem: it lacks tier",)
    assert decide(comparison(**changed), "m:new", Gates(), age=None).outcome == "promoted"
    assert decide(comparison(difference("a", WORSE), **changed), "m:new", Gates(), age=None).outcome == "refused"


def test_nothing_is_compared_without_a_champion_with_itself_or_if_the_comparison_is_off() -> None:
    assert decide(ChampionComparison(champion=None), "m:new", Gates(), age=None).outcome == "promoted"
    assert decide(ChampionComparison(champion="m:new"), "m:new", Gates(), age=YEAR).outcome == "unchanged"
    off = decide(comparison(difference("a", WORSE)), "m:new", Gates(worse_than_champion=None), age=None)
    assert (off.outcome, off.reasons) == ("promoted", ("every candidate is: gates.worse_than_champion is null",))


@pytest.mark.parametrize(
    ("slices", "better", "high", "outcome"),
    [
        (["carrier"], -0.1, -0.01, "refused"),
        (["carrier"], -0.1, 0.0, "promoted"),
        ({"columns": ["carrier"], "margin": 0.2}, -0.1, -0.01, "promoted"),
        ({"columns": ["carrier"], "margin": {"a": None}}, -0.1, -0.01, "promoted"),
        (["carrier"], math.nan, math.nan, "refused"),
    ],
)
def test_a_task_that_is_worse_in_a_slice_refuses_the_candidate(
    slices: Any, better: float, high: float, outcome: str
) -> None:
    compared = comparison(difference("a", BETTER), slices=(slice_difference("HA", better, high),))
    assert decide(compared, "m:new", Gates.model_validate({"slices": slices}), age=None).outcome == outcome


def test_a_refusal_names_the_tasks_the_worst_slice_and_the_fix() -> None:
    gates = Gates.model_validate({"slices": {"columns": ["carrier"], "margin": 0.001}})
    slices = tuple(slice_difference(value, -0.1, -0.01) for value in ("HA", None, "OO"))
    compared = comparison(difference("t0", WORSE), slices=slices)
    decision = decide(compared, "m:new", gates, age=None)
    message = refusal(compared, "m:new", gates, decision.reasons)
    for words in (
        "t0: auc 0.68, the champion's 0.7; worse by 0.02, 95% interval 0.01 to 0.03",
        "a where carrier=HA: auc 0.6, the champion's 0.7; worse by 0.1 on 612 rows, by at least 0.01",
        "worse in 2 other slices: a where carrier=(missing), a where carrier=OO",
        "gates.slices.margin = 0.001, found 3:",
        "champion m:old keeps serving",
        "`mtl promote m:new --overrule`",
    ):
        assert words in message


def test_the_artifact_has_a_row_per_task_and_the_worst_slices_with_names_as_they_are() -> None:
    flips = Churn(task="<b>|x", rows=9, decision="class", flipped=0.25, mean_change=None, unit="")
    compared = comparison(
        difference("<b>|x", BETTER), churn=(flips,), slices=(slice_difference("a*", -0.1, 0.1, task="t"),), notes=("n",)
    )
    markdown = comparison_markdown(compared, decide(compared, "m:new", Gates(), age=None), "m:new")
    row = "| &lt;b&gt;\\|x | auc | 0.700 | 0.720 | +0.020 | 0.010 to 0.030 | better | class flips in 25% of rows |"
    assert row in markdown
    assert "| carrier=a\\* | 612 | t | auc |" in markdown
    assert markdown.startswith("**m:new: promoted**\n\n- significantly better")
    assert markdown.endswith("- n\n")


def change(before: str, after: str, reason: str) -> Promotion:
    return Promotion(at=datetime(2026, 3, 2, 5, tzinfo=UTC), before=before, after=after, reason=reason)


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        pytest.param([], "promoted", id="new"),
        pytest.param([change("m:old", "m:new", "retrain"), change("m:new", "m:old", "rollback")], "kept", id="back"),
        pytest.param(
            [change("m:new", "m:old", "rollback: bad"), change("m:old", "m:third", "retrain")], "kept", id="earlier"
        ),
        pytest.param([change("m:new", "m:old", "rollback"), change("m:old", "m:new", "")], "promoted", id="restored"),
        pytest.param([change("m:new", "m:old", "retrain")], "promoted", id="replaced"),
    ],
)
def test_a_retrain_does_not_undo_a_rollback(changes: list[Promotion], outcome: str) -> None:
    better = Decision(outcome="promoted", reasons=("better",))
    decision = respect_rollback(better, "m:new", changes)
    assert decision.outcome == outcome
    if outcome == "kept":
        assert decision.reasons[0].startswith("it was rolled back on 2026-03-02 05:00 UTC")
        assert decision.reasons[0].endswith("`mtl promote m:new`")
    refused = Decision(outcome="refused", reasons=("worse",))
    assert respect_rollback(refused, "m:new", changes) is refused
