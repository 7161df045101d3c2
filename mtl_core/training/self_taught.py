"""Targets that a task makes of its own predictions, anew before every epoch, for the whole training split."""

from collections.abc import Collection
from functools import partial

import numpy as np
import torch

from mtl_core.data.encoded import EncodedSplit
from mtl_core.model import Network
from mtl_core.model.head import Head
from mtl_core.tasks import FittedTask
from mtl_core.tasks.base import SelfTaughtTask
from mtl_core.training.k_means import k_means
from mtl_core.training.scores import ROWS, logits_of
from mtl_core.training.soft_targets import SoftTargets

__all__ = ["self_targets"]

SAMPLE = 20_000
"""Rows of training that a task sees when it begins."""


def self_targets(
    network: Network,
    tasks: tuple[FittedTask, ...],
    split: EncodedSplit,
    *,
    number: int,
    seed: int,
    left_out: Collection[str] = (),
) -> dict[str, SoftTargets]:
    """The soft targets in epoch `number` of every task that teaches itself and has begun, by the network as it is.

    A task whose first epoch this is sets the parameters that it begins with. All of it follows from the network and the
    seed, so that a training that goes on from a checkpoint makes the same targets again. Needs memory for some times
    rows x outputs numbers.

    Args:
        left_out: tasks that rest, or learn from another teacher.
    """
    taught = {
        position: task
        for position, task in enumerate(tasks)
        if isinstance(task, SelfTaughtTask) and task.begins <= number and task.name not in left_out
    }
    if not taught:
        return {}
    network.eval()
    for position, task in taught.items():
        if task.begins == number:
            _start(network, position, task, split, seed)
    found = {task.name: torch.empty(len(split), task.outputs) for task in taught.values()}
    for rows, logits in logits_of(network, split):
        for name, whole in found.items():
            whole[rows] = logits[name]
    return {
        task.name: SoftTargets(logits=task.self_targets(found[task.name], split.weights.get(task.name)))
        for task in taught.values()
    }


def _start(network: Network, position: int, task: SelfTaughtTask, split: EncodedSplit, seed: int) -> None:
    """From the whole split, or from a sample of it."""
    generator, head = np.random.default_rng(seed), network.heads[position]
    assert isinstance(head, Head)
    chosen = np.sort(generator.choice(len(split), size=min(SAMPLE, len(split)), replace=False))
    weights, seen = split.weights.get(task.name), []
    with torch.inference_mode():
        for rows in torch.split(torch.from_numpy(chosen), ROWS):
            seen.append(head.hidden(network.represent(split.take(rows).inputs)[position]))
        sample = None if weights is None else weights.index_select(0, torch.from_numpy(chosen))
        found = task.start(head.last, torch.cat(seen), sample, partial(k_means, seed=seed))
    head.last.load_state_dict({**head.last.state_dict(), **found})
