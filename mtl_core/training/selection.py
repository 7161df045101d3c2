"""Which epoch's weights are kept, and which of them become the model. Pure functions of the scores."""

import math
from collections.abc import Mapping, Sequence

__all__ = ["best_epoch", "best_epoch_of", "useful_epochs"]

Scores = Mapping[str, float]
"""Task -> score of one epoch, higher is better. Epochs are numbered from 1."""


def useful_epochs(history: Sequence[Scores]) -> set[int]:
    """The epochs that may yet become the model or a task's teacher; no other epoch's weights are needed again.

    An epoch that another one matches on every task and beats on one cannot be the best under any increasing summary
    of the scores, now or later. Of equal epochs the first counts.
    """
    undominated = {
        i
        for i, scores in enumerate(history, 1)
        if not any(_dominates(other, scores) or (j < i and _equal(other, scores)) for j, other in enumerate(history, 1))
    }
    return undominated | {best_epoch_of(task, history) for task in history[0]}


def best_epoch_of(task: str, history: Sequence[Scores]) -> int:
    """The task's own best epoch: the first of equals, and never one without a finite score if there is another."""
    scores = [scores[task] if math.isfinite(scores[task]) else -math.inf for scores in history]
    return scores.index(max(scores)) + 1


def best_epoch(history: Sequence[Scores]) -> int:
    """The epoch with the best mean normalised score.

    A task's score, in standard errors of its validation metric, becomes its regret: how far it lies below the task's
    best epoch. The square root tempers it: the first standard errors lost weigh most, so that a task with a hundred
    times the headroom does not decide alone. Ties go to the earlier epoch.
    """
    return min(range(len(history)), key=lambda i: (_regret(history, i), i)) + 1


def _regret(history: Sequence[Scores], position: int) -> float:
    total = 0.0
    for task in history[position]:
        known = [scores[task] for scores in history if math.isfinite(scores[task])]
        if not known:
            continue
        score = history[position][task]
        total += math.sqrt(max(known) - score) if math.isfinite(score) else math.inf
    return total


def _dominates(a: Scores, b: Scores) -> bool:
    return all(_at_least(a[task], b[task]) for task in b) and any(_above(a[task], b[task]) for task in b)


def _equal(a: Scores, b: Scores) -> bool:
    return not any(_above(a[task], b[task]) or _above(b[task], a[task]) for task in b)


def _at_least(a: float, b: float) -> bool:
    return not _above(b, a)


def _above(a: float, b: float) -> bool:
    """NaN is below everything."""
    return not math.isnan(a) and (math.isnan(b) or a > b)
