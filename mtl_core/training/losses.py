"""The tasks' losses on a batch: masked where unlabelled, distilled where the task is held."""

from collections.abc import Mapping

import torch
from torch import Tensor

from mtl_core.tasks import FittedTask

__all__ = ["masked_mean", "task_losses"]


def masked_mean(losses: Tensor, mask: Tensor) -> Tensor | None:
    """Mean of (B,) losses over the rows of a (B,) mask; None where no row is in it."""
    count = mask.sum()
    if count == len(mask):
        return losses.mean()
    return torch.where(mask, losses, 0.0).sum() / count if count else None


def task_losses(
    tasks: tuple[FittedTask, ...],
    logits: Mapping[str, Tensor],
    labels: Mapping[str, Tensor],
    teachers: Mapping[str, Tensor],
) -> dict[str, Tensor]:
    """Weighted loss () per task that has a labelled row in the batch.

    A task in `teachers`, (B, outputs) logits, learns from them instead of its labels, on its labelled rows. A task
    without a labelled row has no entry, hence no gradient, and the optimiser leaves its head alone.
    """
    found = {}
    for task in tasks:
        mask = task.labelled(labels[task.name])
        if task.name in teachers:
            losses = task.distillation(logits[task.name], teachers[task.name])
        else:
            losses = task.loss(logits[task.name], labels[task.name])
        mean = masked_mean(losses, mask)
        if mean is not None:
            found[task.name] = task.declared.weight * mean
    return found
