"""Fine-tuning of each head separately, on the frozen trunk of the chosen epoch.

The chosen epoch is the best for all tasks together, rarely the best for each, and the trunk has changed since a paused
head was trained. The outputs of the trunk are computed once and stored, so that an epoch costs only the head.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from mtl_core.config import FinetuneHeads, Stopping, Training
from mtl_core.data.encoded import EncodedSplit
from mtl_core.files import preallocate
from mtl_core.model import Network
from mtl_core.model.inference import CHUNK_ROWS, copied_weights
from mtl_core.tasks import Objective
from mtl_core.training.checkpoint import CheckpointStore
from mtl_core.training.history import FinetunedHead
from mtl_core.training.losses import task_losses
from mtl_core.training.progress import Progress
from mtl_core.training.scores import metric_values, normalised


def finetune_heads(
    network: Network,
    train_split: EncodedSplit,
    validation: EncodedSplit,
    options: Training,
    batch_size: int,
    errors: Mapping[str, float],
    store: CheckpointStore,
    progress: Progress,
) -> tuple[FinetunedHead, ...]:
    """Train every head further on the labels of its task; all other parameters are frozen.

    A head stops early on the validation score of its task, and keeps its best epoch if that improves on the initial
    head by more than the task's `min_improvement`; otherwise the initial head is restored bit by bit. So no task gets
    worse on validation. Tasks without a validation score, unsupervised tasks and tasks that decode whole rows, such as
    tagging, are skipped. After a crash fine-tuning starts over with the same result: the randomness of every epoch
    depends on (seed, task, epoch) alone.

    Disk space for the trunk's outputs: 4 bytes x rows x width, once, or once per task where the trunk has separate
    outputs.

    Args:
        errors: task -> standard error of its metric on validation.
    """
    records: list[FinetunedHead] = []
    if options.finetune_heads is None:
        return ()
    with store.temporary_folder("finetune") as folder:
        positions = [
            position for position, task in enumerate(network.objectives) if not (task.unsupervised or task.decodes_rows)
        ]
        inputs = representations(network, train_split, folder / "train", positions)
        validation_inputs = representations(network, validation, folder / "validation", positions)
        for position in positions:
            task = network.objectives[position]
            trainer = HeadTrainer(
                network=network,
                task=task,
                position=position,
                head=network.heads[position],
                train=_head_split(inputs[position], task, train_split),
                validation=_head_split(validation_inputs[position], task, validation),
                error=errors[task.name],
            )
            if math.isfinite(trainer.value()):
                records.append(trainer.finetune(options, options.finetune_heads, batch_size, progress))
                progress.on_finetune(records[-1])
    return tuple(records)


def representations(network: Network, split: EncodedSplit, folder: Path, positions: Sequence[int]) -> dict[int, Tensor]:
    """The input of the head of the tasks at these positions, in evaluation mode.

    Position -> (rows, width) float32, memory-mapped; for a task of level token (items, width). An output that several
    tasks share is stored once, in a file named after the position of the first of them.
    """
    folder.mkdir()
    arrays: dict[int, np.memmap[tuple[int, ...], np.dtype[np.float32]]] = {}
    owners: dict[int, int] = {}
    filled: Counter[int] = Counter()
    network.eval()
    with torch.inference_mode():
        for start, stop in split.row_ranges(CHUNK_ROWS):
            outputs = network.represent(split.slice(start, stop).inputs)
            owners = {i: next(j for j in positions if outputs[j] is outputs[i]) for i in positions}
            for owner in dict.fromkeys(owners.values()):
                task = network.tasks[owner]
                values = split.flat(task, outputs[owner], start, stop)
                if owner not in arrays:
                    path, shape = folder / f"{owner:04}.npy", (len(split.flat_labels(task)), *values.shape[1:])
                    arrays[owner] = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
                    preallocate(path)
                arrays[owner][filled[owner] : filled[owner] + len(values)] = values.numpy()
                filled[owner] += len(values)
    return {position: torch.from_numpy(arrays[owner]) for position, owner in owners.items()}


@dataclass(frozen=True, kw_only=True)
class HeadTrainer:
    """Trains one head of a network. Both splits have one input, `x`: the inputs of the head."""

    network: Network
    task: Objective
    position: int
    head: nn.Module
    train: EncodedSplit
    validation: EncodedSplit
    error: float

    def value(self) -> float:
        """The task's own metric on validation."""
        self.head.eval()
        name = self.task.name
        with torch.inference_mode():
            logits = [self.head(x) for x in torch.split(self.validation.inputs["x"], CHUNK_ROWS)]
            predictions = torch.cat([self.network.predictions({name: batch})[name] for batch in logits])
        return metric_values((self.task,), self.validation, {name: predictions.numpy()})[name]

    def score(self, value: float) -> float:
        """The metric's value as a score."""
        name = self.task.name
        return normalised((self.task,), {name: value}, {name: self.error})[name]

    def finetune(
        self, options: Training, finetuning: FinetuneHeads, batch_size: int, progress: Progress
    ) -> FinetunedHead:
        """Train until early stopping or the maximum number of epochs, then take the best epoch or restore the head."""
        head, task = self.head, self.task.name
        min_improvement = options.stopping.of(task).min_improvement
        stopper = Stopping(min_improvement=min_improvement).build((task,), patience=finetuning.patience)
        learning_rate = finetuning.learning_rate or options.learning_rate
        optimizer = torch.optim.AdamW(
            head.parameters(), lr=learning_rate, weight_decay=options.weight_decay, fused=True
        )
        initial, initial_weights, epoch = self.value(), copied_weights(head), 0
        best, best_weights = initial, initial_weights
        stopper.update({task: self.score(initial)})
        while epoch < finetuning.epochs and not stopper.ended:
            epoch += 1
            self.train_epoch(epoch, optimizer, options.seed, batch_size)
            value = self.value()
            # The score of a head that diverges is NaN, which is never an improvement.
            if self.score(value) > self.score(best):
                best, best_weights = value, copied_weights(head)
            stopper.update({task: self.score(value)})
            progress.on_step(epoch, finetuning.epochs)
        improved = self.score(best) > self.score(initial) + min_improvement
        head.load_state_dict(best_weights if improved else initial_weights)
        final = best if improved else initial
        return FinetunedHead(task=task, improved=improved, before=initial, after=final, epochs=epoch)

    def train_epoch(self, epoch: int, optimizer: torch.optim.Optimizer, seed: int, batch_size: int) -> None:
        """Train for one pass over the rows that count in the task's loss."""
        self.head.train()
        generator = np.random.default_rng([seed, self.position, epoch])
        trained_rows = self.task.trains_on(self.train.labels[self.task.name]).nonzero()[:, 0]
        order = trained_rows[torch.from_numpy(generator.permutation(len(trained_rows)))]
        torch.manual_seed(int(generator.integers(2**63)))
        for rows in torch.split(order, batch_size):
            batch = self.train.take(rows)
            logits = {self.task.name: self.head(batch.inputs["x"])}
            for loss in task_losses((self.task,), logits, batch, {}).values():  # none if every weight is 0
                optimizer.zero_grad()
                torch.autograd.backward(loss)
                optimizer.step()


def _head_split(inputs: Tensor, task: Objective, split: EncodedSplit) -> EncodedSplit:
    """The split with a head's inputs and its task's labels and weights."""
    weights = split.flat_weights(task.name)
    return EncodedSplit(
        {"x": inputs}, {task.name: split.flat_labels(task.name)}, {} if weights is None else {task.name: weights}
    )
