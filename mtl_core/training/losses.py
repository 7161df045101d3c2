"""Losses of the tasks on a batch, of labels and of soft targets."""

from collections.abc import Collection, Mapping

import torch
from torch import Tensor

from mtl_core.data.encoded import Batch
from mtl_core.data.ragged_tensor import RaggedTensor
from mtl_core.distillation.soft_targets import SoftTargets
from mtl_core.tasks import Objective


def masked_mean(losses: Tensor, mask: Tensor, weights: Tensor | None = None) -> Tensor | None:
    """Mean of (B,) losses over the rows of a (B,) mask, by their (B,) weights; None if no row counts."""
    if weights is not None:
        mask = mask & (weights > 0)
        count = torch.where(mask, weights, 0.0).sum()
        return torch.where(mask, losses * weights, 0.0).sum() / count if count else None
    count = mask.sum()
    if not count:
        return None
    return losses.mean() if count == len(mask) else torch.where(mask, losses, 0.0).sum() / count


def task_losses(
    tasks: tuple[Objective, ...],
    logits: Mapping[str, Tensor],
    batch: Batch,
    soft_targets: Mapping[str, SoftTargets],
    paused: Collection[str] = (),
) -> dict[int, Tensor]:
    """Position -> weighted loss () of every task that is not paused and has a row that counts in its loss.

    An unsupervised task needs soft targets. With an ensemble a loss is the mean over rows and members.
    """
    losses = {}
    for position, task in enumerate(tasks):
        if task.name not in paused and (task.name in soft_targets or not task.unsupervised):
            loss = _loss(task, logits[task.name], batch, soft_targets.get(task.name))
            if loss is not None:
                losses[position] = task.weight * loss
    return losses


def _loss(task: Objective, logits: Tensor, batch: Batch, targets: SoftTargets | None) -> Tensor | None:
    """Loss of the labels, of the soft targets, or their weighted sum; None if no row counts."""
    labels, weights = batch.labels[task.name], batch.weights.get(task.name)
    soft = None if targets is None else targets.logits
    assert not isinstance(soft, RaggedTensor)  # batches are padded
    is_item = None if soft is None else ~soft.isnan().any(dim=-1)
    hard_scale = soft_scale = None
    if _is_padded(task, labels):
        if task.sums_items:
            is_labelled = task.codec.labelled(labels)
            hard_scale = _items_per_row(is_labelled, weights)
            soft_scale = hard_scale
            if is_item is not None and targets is not None and targets.use_unlabelled:
                soft_scale = _items_per_row(is_item, weights)
        logits, labels, weights, soft = _by_item(logits, labels, weights, soft, is_item)
    if logits.ndim > 2:
        logits, labels, weights, soft = _by_member(logits, labels, weights, soft)
    mask = task.trains_on(labels)
    hard = distilled = None
    if targets is None or targets.weight < 1:
        hard = _scaled(masked_mean(task.loss(logits, labels), mask, weights), hard_scale)
    if targets is not None and soft is not None:
        soft_mask = torch.ones_like(mask) if targets.use_unlabelled else mask
        distilled = _scaled(masked_mean(task.distillation(logits, soft), soft_mask, weights), soft_scale)
    if targets is None or distilled is None:
        return hard
    return targets.weight * distilled + ((1 - targets.weight) * hard if hard is not None else 0.0)


def _scaled(mean: Tensor | None, scale: float | None) -> Tensor | None:
    return mean if mean is None or scale is None else scale * mean


def _items_per_row(is_counted: Tensor, weights: Tensor | None) -> float:
    """(B, L) mask of items, (B,) weights of rows -> mean number of items of the rows that have any.

    Times the mean over items it gives the mean over rows of their items' sums.
    """
    counts = is_counted.sum(dim=1)
    rows = (counts > 0).to(torch.float64)
    if weights is not None:
        rows = rows * weights
    return float((rows * counts).sum() / rows.sum().clamp(min=torch.finfo(torch.float32).tiny))


def _is_padded(task: Objective, labels: Tensor) -> bool:
    """True for (B, L, ...) labels of a task of level token; (items, ...) where its head is fine-tuned."""
    block = task.codec.block
    return block is not None and labels.ndim > 1 + len(block.shape)


def _by_member(
    logits: Tensor, labels: Tensor, weights: Tensor | None, soft: Tensor | None
) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
    """(B, members, outputs) -> (B * members, outputs): each member learns from every row."""
    members = logits.shape[1]
    labels = labels.repeat_interleave(members, dim=0)
    weights, soft = (None if x is None else x.repeat_interleave(members, dim=0) for x in (weights, soft))
    return logits.flatten(0, 1), labels, weights, soft


def _by_item(
    logits: Tensor, labels: Tensor, weights: Tensor | None, soft: Tensor | None, is_item: Tensor | None
) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
    """(B, L, ...) of a task of level token -> (items, ...).

    Padding is unlabelled. With soft targets it is removed: there it is NaN, and unlabelled items may count.
    """
    weights = None if weights is None else weights.repeat_interleave(labels.shape[1])
    logits, labels = logits.flatten(0, 1), labels.flatten(0, 1)
    if soft is None or is_item is None:
        return logits, labels, weights, None
    mask = is_item.flatten()
    return logits[mask], labels[mask], None if weights is None else weights[mask], soft.flatten(0, 1)[mask]
