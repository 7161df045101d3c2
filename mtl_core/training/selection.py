"""Selection of the epochs whose weights are stored, and of the model. Pure functions of the validation scores."""

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Scores = Mapping[str, float]
"""Task -> score after an epoch, higher is better; not finite where there is none. Epochs are numbered from 1."""


def useful_epochs(history: Sequence[Scores]) -> set[int]:
    """The epochs that may still become the model or a task's teacher; other weights are not needed.

    A dominated epoch, which another one matches on every task and beats on one, is never the best under an increasing
    summary of the scores. Of equal epochs the first counts.
    """
    return set(_undominated(_table(history))) | {best_epoch_of(task, history) for task in history[0]}


def best_epoch_of(task: str, history: Sequence[Scores]) -> int:
    """The task's best epoch: the first of equals, and one without a score only if no epoch has one."""
    scores = [scores[task] if math.isfinite(scores[task]) else -math.inf for scores in history]
    return scores.index(max(scores)) + 1


def best_epoch(history: Sequence[Scores], by: Literal["mean", "worst"] = "mean") -> int:
    """The epoch whose weights are the model.

    A task's regret is how far its score is below that of its best epoch. `mean` minimises the mean square root of the
    regrets, so that a task with large regrets does not decide alone. `worst` minimises the largest regret, then the
    second largest, and so on.

    Epochs with the fewest missing scores come first. A task without any score is ignored. Of equal epochs the first is
    chosen.
    """
    table = _table(history)
    best = table.max(axis=0)
    table, best = table[:, np.isfinite(best)], best[np.isfinite(best)]

    def rank(epoch: int) -> tuple[float, ...]:
        scores = table[epoch - 1]
        defined = np.isfinite(scores)
        regrets = np.sort(best[defined] - scores[defined])[::-1]
        summary = regrets if by == "worst" else [math.fsum(np.sqrt(regrets))]
        return ((~defined).sum(), *summary, epoch)

    # Undominated epochs only: rounding could give a dominated epoch the same rank as the one that dominates it.
    return min(_undominated(_table(history)), key=rank)


def _table(history: Sequence[Scores]) -> NDArray[np.float64]:
    """(epochs, tasks) scores; -inf where there is none."""
    table = np.array([[scores[task] for task in history[0]] for scores in history], dtype=np.float64)
    return np.where(np.isfinite(table), table, -np.inf)


def _undominated(table: NDArray[np.float64]) -> list[int]:
    """The epochs that no other epoch matches on every task and beats on one, in order; of equal ones the first."""
    epochs = []
    for epoch, scores in enumerate(table, 1):
        dominates = (table >= scores).all(axis=1) & (table > scores).any(axis=1)
        equal = (table == scores).all(axis=1)
        if not dominates.any() and np.flatnonzero(equal)[0] == epoch - 1:
            epochs.append(epoch)
    return epochs
