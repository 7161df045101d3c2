"""The decision about a candidate: promoted, kept or refused, with the reasons as sentences.

A pure function of the comparison with the champion, the gates and the champion's age.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from flows.retrain.compare import ChampionComparison
from mtl_core.config import Gates
from mtl_core.config.duration import fixed_length
from mtl_core.evaluation import Difference
from mtl_core.report.wording import join_names, option_value, plural
from mtl_core.slices import SliceDifference
from serving.champion import ROLLBACK, Promotion

Outcome = Literal["promoted", "kept", "refused", "unchanged"]
"""unchanged: the candidate is the champion already."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The outcome of a comparison, and the reasons: one per worse task or slice, or one for any other outcome."""

    outcome: Outcome
    reasons: tuple[str, ...]


def decide(comparison: ChampionComparison, candidate: str, gates: Gates, *, age: timedelta | None) -> Decision:
    """Decide about a candidate.

    Refused if a task, or a task in a slice, is significantly worse beyond its margin. Otherwise promoted if a task is
    significantly better, the champion is older than `gates.max_age`, its schema does not fit, there is none, or
    `gates.worse_than_champion` is null. Otherwise kept.

    Args:
        age: time since the champion's promotion; None if it is unknown.
    """
    champion = comparison.champion
    if champion is None:
        return Decision(outcome="promoted", reasons=("there was no champion to compare it with",))
    if champion == candidate:
        return Decision(outcome="unchanged", reasons=("the candidate is already the champion",))
    if gates.worse_than_champion is None:
        return Decision(outcome="promoted", reasons=("every candidate is: gates.worse_than_champion is null",))
    if worse := [*map(difference_message, worse_tasks(comparison, gates)), *_worse_slices(comparison, gates)]:
        return Decision(outcome="refused", reasons=tuple(worse))
    if reasons := list(_reasons_to_promote(comparison, gates, age)):
        return Decision(outcome="promoted", reasons=tuple(reasons))
    return Decision(outcome="kept", reasons=(_kept(comparison, gates),))


def respect_rollback(decision: Decision, candidate: str, promotions: Sequence[Promotion]) -> Decision:
    """The decision; kept instead of promoted if `mtl rollback` replaced this very version, as its last change.

    Otherwise the next retrain on the same data would undo the rollback.

    Args:
        promotions: all changes of champion, the oldest first.
    """
    changes = [change for change in promotions if candidate in (change.before, change.after)]
    if decision.outcome != "promoted" or not changes:
        return decision
    last = changes[-1]
    if last.before != candidate or not isinstance(last.reason, str) or not last.reason.startswith(ROLLBACK):
        return decision
    why = last.reason.removeprefix(ROLLBACK).removeprefix(": ")
    reason = (
        f"it was rolled back on {last.at:%Y-%m-%d %H:%M} UTC{f' ({why})' if why else ''}; to promote it all the same: "
        f"`mtl promote {candidate}`"
    )
    return Decision(outcome="kept", reasons=(reason,))


def worse_tasks(comparison: ChampionComparison, gates: Gates) -> tuple[Difference, ...]:
    """The tasks that got significantly worse, by more than their margin."""
    margins = {difference.task: gates.margin(difference.task) for difference in comparison.differences}
    return tuple(
        difference
        for difference in comparison.differences
        if (margin := margins[difference.task]) is not None and difference.is_worse(margin)
    )


def worse_slices(comparison: ChampionComparison, gates: Gates) -> tuple[SliceDifference, ...]:
    """The slices in which a task got significantly worse, by more than its margin; the worst first."""
    return tuple(
        difference
        for difference in comparison.slices.differences
        if (margin := gates.slice_margin(difference.task)) is not None and difference.is_worse(margin)
    )


def difference_message(difference: Difference) -> str:
    """Sentence about a task that got worse."""
    return (
        f"{difference.task}: {difference.metric} {difference.candidate:.4g}, the champion's {difference.reference:.4g}"
        f"; worse by {-difference.difference:.4g}, 95% interval {-difference.high:.4g} to {-difference.low:.4g}"
    )


def slice_message(difference: SliceDifference) -> str:
    """Sentence about a slice in which a task got worse."""
    return (
        f"{difference.task} where {difference.name}: {difference.metric} {difference.candidate:.4g}, the champion's "
        f"{difference.reference:.4g}; worse by {-difference.difference:.4g} on {difference.rows:,} rows, by at least "
        f"{-difference.high:.4g} at 95% for all slices together"
    )


def refusal(comparison: ChampionComparison, candidate: str, gates: Gates, reasons: Sequence[str]) -> str:
    """Message for a candidate that is refused for those reasons."""
    margins = f"gates.worse_than_champion = {option_value(gates.worse_than_champion)}"
    if gates.slices and gates.slices.margin is not None:
        margins += f" and gates.slices.margin = {option_value(gates.slices.margin)}"
    where = ", nor in a slice of the test rows" if gates.slices else ""
    return (
        f"candidate {candidate} is not promoted; no task may get significantly worse than champion "
        f"{comparison.champion}{where}, by more than {margins}, found {len(reasons)}:\n"
        + "\n".join(f"  {reason}" for reason in reasons)
        + f"\nchampion {comparison.champion} keeps serving, the candidate is kept as refused; improve it, raise "
        f"the gate, or overrule the refusal: `mtl promote {candidate} --overrule`"
    )


def _worse_slices(comparison: ChampionComparison, gates: Gates) -> Sequence[str]:
    """A sentence about the worst slice, and one that counts and names the others."""
    if not (worse := worse_slices(comparison, gates)):
        return ()
    others = [f"{difference.task} where {difference.name}" for difference in worse[1:]]
    more = [f"worse in {plural(len(others), 'other slice')}: {join_names(others, 5)}"] if others else []
    return [slice_message(worse[0]), *more]


def _reasons_to_promote(comparison: ChampionComparison, gates: Gates, age: timedelta | None) -> Sequence[str]:
    reasons = []
    if better := [difference.task for difference in comparison.differences if difference.is_better]:
        reasons.append(f"significantly better than the champion in {', '.join(better)}, and worse in no task")
    if comparison.schema_changes:
        reasons.append(f"the champion's schema no longer fits the problem: {'; '.join(comparison.schema_changes)}")
    if gates.max_age is not None and age is not None and age > fixed_length(gates.max_age):
        reasons.append(
            f"the champion was promoted {_age(age)} ago, longer than gates.max_age = {gates.max_age}, and no task is "
            "significantly worse"
        )
    return reasons


def _kept(comparison: ChampionComparison, gates: Gates) -> str:
    age = f"; it replaces a champion older than {gates.max_age} (gates.max_age)" if gates.max_age else ""
    compared = [difference.task for difference in comparison.differences]
    if not compared:
        return f"no task could be compared with champion {comparison.champion}{age}"
    return (
        f"no task is significantly better than champion {comparison.champion}, nor worse beyond its margin; compared: "
        f"{join_names(compared, 8)}{age}"
    )


def _age(age: timedelta) -> str:
    hours = int(age.total_seconds() // 3600)
    return plural(age.days, "day") if age.days else plural(hours, "hour")
