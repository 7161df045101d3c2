"""Heads trained on alone, after the trunk is final.

A head and its trunk are chosen together, at the epoch that is best for all tasks, hence seldom at the best epoch of the
one task; and a head that rested saw its trunk move on. With the trunk at rest its outputs are computed once and kept,
so that a pass costs no more than the head.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from mtl_core.config import FinetuneHeads, Training
from mtl_core.data.encoded import EncodedSplit
from mtl_core.model import Network
from mtl_core.stopping import Rule, Stopper
from mtl_core.tasks import FittedTask
from mtl_core.training.checkpoint import Scratch
from mtl_core.training.history import Refit
from mtl_core.training.losses import task_losses
from mtl_core.training.scores import ROWS, metric_values, normalised

__all__ = ["refit_heads", "representations"]


def refit_heads(
    network: Network,
    tasks: tuple[FittedTask, ...],
    train_split: EncodedSplit,
    validation: EncodedSplit,
    options: Training,
    errors: Mapping[str, float],
    scratch: Scratch,
    on_step: Callable[[int, int], None] = lambda epoch, epochs: None,
    on_refit: Callable[[Refit], None] = lambda refit: None,
) -> tuple[Refit, ...]:
    """Trains every head on from its weights, on its task's labels alone; all other parameters stay as they are.

    A head stops early on its task's own validation score, and keeps its best epoch if that beats the head as it was by
    more than the task's `min_improvement`; otherwise it is left as it was, to the bit. So no task gets worse on
    validation. Left out are tasks without a validation score, by which nothing can be judged, and tasks that teach
    themselves, which have no labels to learn from. A killed refit starts over from the chosen weights to the same
    result: every epoch draws its randomness from (seed, task, epoch) alone.

    Needs room on disk for the trunk's outputs: 4 bytes x rows x width, once, or once per task where the trunk gives
    each task an output of its own.

    Args:
        errors: task -> standard error of its own metric on validation.
        on_step: told the epoch and the most epochs, after every epoch of every head.
        on_refit: told after every head.
    """
    found: list[Refit] = []
    if options.finetune_heads is None:
        return ()
    with scratch.passing("refit") as folder:
        seen = representations(network, train_split, folder / "train")
        seen_held_out = representations(network, validation, folder / "validation")
        for position, task in enumerate(tasks):
            alone = _Alone(
                position=position,
                task=task,
                head=network.heads[position],
                rows=_as_seen(seen[position], task, train_split),
                validation=_as_seen(seen_held_out[position], task, validation),
                error=errors[task.name],
            )
            if not task.self_taught and math.isfinite(alone.value()):
                found.append(_refit(alone, options, options.finetune_heads, on_step))
                on_refit(found[-1])
    return tuple(found)


def representations(network: Network, split: EncodedSplit, folder: Path) -> tuple[Tensor, ...]:
    """What each task's head sees of every row in evaluation mode: per task (rows, width) float32, memory-mapped.

    An output that the trunk gives to several tasks is one file, named by the position of the first of them.
    """
    folder.mkdir()
    arrays: dict[int, np.memmap[tuple[int, ...], np.dtype[np.float32]]] = {}
    owners: list[int] = []
    network.eval()
    with torch.inference_mode():
        for start, stop in split.spans(ROWS):
            outputs = network.represent(split.slice(start, stop).inputs)
            owners = [next(i for i, other in enumerate(outputs) if other is output) for output in outputs]
            for owner in dict.fromkeys(owners):
                if owner not in arrays:
                    path, shape = folder / f"{owner:04}.npy", (len(split), *outputs[owner].shape[1:])
                    arrays[owner] = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
                arrays[owner][start:stop] = outputs[owner].numpy()
    return tuple(torch.from_numpy(arrays[owner]) for owner in owners)


@dataclass(frozen=True, kw_only=True)
class _Alone:
    """A head by itself, and the rows as it sees them."""

    position: int
    task: FittedTask
    head: nn.Module
    rows: EncodedSplit
    validation: EncodedSplit
    error: float

    def value(self) -> float:
        """Its task's own metric on validation."""
        self.head.eval()
        with torch.inference_mode():
            logits = [self.head(x) for x in torch.split(self.validation.inputs["x"], ROWS)]
            predictions = {self.task.name: torch.cat([self.task.link(some) for some in logits]).numpy()}
        return metric_values((self.task,), self.validation, predictions)[self.task.name]

    def score(self, value: float) -> float:
        """That metric as a score."""
        name = self.task.name
        return normalised((self.task,), {name: value}, {name: self.error})[name]

    def train_epoch(self, number: int, optimizer: torch.optim.Optimizer, options: Training) -> None:
        """One pass over the rows that its loss counts."""
        self.head.train()
        generator = np.random.default_rng([options.seed, self.position, number])
        counted = self.task.trains_on(self.rows.labels[self.task.name]).nonzero()[:, 0]
        order = counted[torch.from_numpy(generator.permutation(len(counted)))]
        torch.manual_seed(int(generator.integers(2**63)))
        for rows in torch.split(order, options.batch_size):
            batch = self.rows.take(rows)
            logits = {self.task.name: self.head(batch.inputs["x"])}
            for loss in task_losses((self.task,), logits, batch, {}).values():  # none where every weight is 0
                optimizer.zero_grad()
                torch.autograd.backward(loss)
                optimizer.step()


def _refit(alone: _Alone, options: Training, refitting: FinetuneHeads, on_step: Callable[[int, int], None]) -> Refit:
    head, task = alone.head, alone.task.name
    least = options.stopping.of(task).min_improvement
    stopper = Stopper({task: Rule(patience=refitting.patience, min_improvement=least)})
    learning_rate = refitting.learning_rate or options.learning_rate
    optimizer = torch.optim.AdamW(head.parameters(), lr=learning_rate, weight_decay=options.weight_decay, fused=True)
    before, weights, number = alone.value(), _copied(head), 0
    best, best_weights = before, weights
    stopper.update({task: alone.score(before)})
    while number < refitting.epochs and not stopper.ended:
        number += 1
        alone.train_epoch(number, optimizer, options)
        value = alone.value()
        # A head that diverges scores NaN, which beats nothing and runs out of patience.
        if alone.score(value) > alone.score(best):
            best, best_weights = value, _copied(head)
        stopper.update({task: alone.score(value)})
        on_step(number, refitting.epochs)
    kept = alone.score(best) > alone.score(before) + least
    head.load_state_dict(best_weights if kept else weights)
    return Refit(task=task, kept=kept, before=before, after=best if kept else before, epochs=number)


def _as_seen(representation: Tensor, task: FittedTask, split: EncodedSplit) -> EncodedSplit:
    """The split as the task's head sees it."""
    weights = {task.name: split.weights[task.name]} if task.name in split.weights else {}
    return EncodedSplit({"x": representation}, {task.name: split.labels[task.name]}, weights)


def _copied(module: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}
