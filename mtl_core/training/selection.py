"""Choice of the epochs whose weights are stored, and of the model. Pure functions of the validation scores."""

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Scores = Mapping[str, float]
"""Task -> score in an epoch, higher is better; not finite where there is none. Epochs are numbered from 1."""


def useful_epochs(history: Sequence[Scores]) -> set[int]:
    """The epochs that may still become the model or a task's teacher; other weights are not needed.

    An epoch that another one matches on every task and beats on one cannot be the best under any increasing summary
    of the scores, now or later. Of equal epochs the first counts.
    """
    return set(_undominated(_table(history))) | {best_epoch_of(task, history) for task in history[0]}


def best_epoch_of(task: str, history: Sequence[Scores]) -> int:
    """The task's own best epoch: the first of equals, and never one without a score if there is another."""
    scores = [scores[task] if math.isfinite(scores[task]) else -math.inf for scores in history]
    return scores.index(max(scores)) + 1


def best_epoch(history: Sequence[Scores], by: Literal["mean", "worst"] = "mean") -> int:
    """The epoch whose weights are the model.

    A task's regret is the difference of its score, in standard errors, from that of its best epoch. `mean` takes the
    least mean of the regrets' square roots, so that a task with large regrets does not decide alone. `worst` takes the
    least largest regret, then the least second largest, and so on.

    First come the epochs with the fewest missing scores. A task without any score is ignored. Ties go to the earlier
    epoch.
    """
    table = _table(history)
    best = table.max(axis=0)
    table, best = table[:, np.isfinite(best)], best[np.isfinite(best)]

    def rank(epoch: int) -> tuple[float, ...]:
        scores = table[epoch - 1]
        there = np.isfinite(scores)
        regrets = np.sort(best[there] - scores[there])[::-1]
        summary = regrets if by == "worst" else [math.fsum(np.sqrt(regrets))]
        return ((~there).sum(), *summary, epoch)

    # Among the undominated only: rounding could make a dominated epoch look like the one that beats it.
    return min(_undominated(_table(history)), key=rank)


def _table(history: Sequence[Scores]) -> NDArray[np.float64]:
    """(epochs, tasks) scores; -inf where there is none."""
    table = np.array([[scores[task] for task in history[0]] for scores in history], dtype=np.float64)
    return np.where(np.isfinite(table), table, -np.inf)


def _undominated(table: NDArray[np.float64]) -> list[int]:
    """The epochs, in order, that no other one matches on every task and beats on one; the first of equal ones."""
    found = []
    for epoch, scores in enumerate(table, 1):
        matched = (table >= scores).all(axis=1)
        beaten = matched & (table > scores).any(axis=1)
        equal = (table == scores).all(axis=1)
        if not beaten.any() and np.flatnonzero(equal)[0] == epoch - 1:
            found.append(epoch)
    return found
