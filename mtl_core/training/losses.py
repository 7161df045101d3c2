"""The tasks' losses on a batch: masked where unlabelled, distilled where a teacher speaks."""

from collections.abc import Collection, Mapping

import torch
from torch import Tensor

from mtl_core.data.encoded import Batch
from mtl_core.tasks import FittedTask
from mtl_core.training.soft_targets import SoftTargets

__all__ = ["masked_mean", "task_losses"]


def masked_mean(losses: Tensor, mask: Tensor, weights: Tensor | None = None) -> Tensor | None:
    """Mean of (B,) losses over the rows of a (B,) mask, by their (B,) weights; None where no row counts."""
    if weights is not None:
        mask = mask & (weights > 0)
        count = torch.where(mask, weights, 0.0).sum()
        return torch.where(mask, losses * weights, 0.0).sum() / count if count else None
    count = mask.sum()
    if count == len(mask):
        return losses.mean()
    return torch.where(mask, losses, 0.0).sum() / count if count else None


def task_losses(
    tasks: tuple[FittedTask, ...],
    logits: Mapping[str, Tensor],
    batch: Batch,
    soft: Mapping[str, SoftTargets],
    resting: Collection[str] = (),
) -> dict[int, Tensor]:
    """Position -> weighted loss () of every task that takes part: it does not rest, and has a row to learn from. A task
    that teaches itself takes part where it has soft targets.

    A task without an entry gets no gradient, and the optimiser leaves what is its own alone.
    """
    found = {}
    for position, task in enumerate(tasks):
        if task.name not in resting and (task.name in soft or not task.self_taught):
            loss = _loss(task, logits[task.name], batch, soft.get(task.name))
            if loss is not None:
                found[position] = task.declared.weight * loss
    return found


def _loss(task: FittedTask, logits: Tensor, batch: Batch, soft: SoftTargets | None) -> Tensor | None:
    """The labels' loss, the teacher's, or both by the teacher's share; None where no row has anything to say."""
    labels, weights = batch.labels[task.name], batch.weights.get(task.name)
    mask = task.trains_on(labels)
    hard = taught = None
    if soft is None or soft.share < 1:
        hard = masked_mean(task.loss(logits, labels), mask, weights)
    if soft is not None:
        rows = torch.ones_like(mask) if soft.every_row else mask
        taught = masked_mean(task.distillation(logits, soft.logits), rows, weights)
    if soft is None or taught is None:
        return hard
    return soft.share * taught + ((1 - soft.share) * hard if hard is not None else 0.0)
