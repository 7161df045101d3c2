"""The training loop: read it from top to bottom."""

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torchjd.scalarization import Scalarizer

from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.encoder import Encoder
from mtl_core.declared import Declared
from mtl_core.errors import TrainingError
from mtl_core.model import Network
from mtl_core.problem import Problem, Training
from mtl_core.stopping import Stopper
from mtl_core.tasks import FittedTask
from mtl_core.training.checkpoint import Scratch, fingerprint
from mtl_core.training.losses import task_losses
from mtl_core.training.repeatable import repeatable
from mtl_core.training.scores import metric_values, predictions_of, standard_errors
from mtl_core.training.selection import best_epoch, best_epoch_of, useful_epochs
from mtl_core.training.teachers import held, make_teacher

__all__ = ["Epoch", "Outcome", "optimizer_of", "train", "train_epoch"]


class Epoch(Declared, allow_inf_nan=True):
    """What one epoch did. `values` are the tasks' own metrics on validation, `scores` the same, oriented so that higher
    is better and divided by their standard error.
    """

    number: int
    losses: dict[str, float]
    values: dict[str, float]
    scores: dict[str, float]
    stopped: tuple[str, ...]
    """Tasks that stopped at the end of this epoch."""
    held: tuple[str, ...]
    """Tasks that learned from their own soft targets during it."""
    seconds: float


class Progress(Declared, allow_inf_nan=True):
    """What a checkpoint holds beside tensors."""

    epochs: tuple[Epoch, ...] = ()
    standard_errors: dict[str, float] = Field(default_factory=dict)
    stopper: dict[str, Any] = Field(default_factory=dict)


class Outcome(Declared, allow_inf_nan=True):
    """A finished training."""

    epochs: tuple[Epoch, ...]
    chosen: int
    """Number of the epoch whose weights are the model."""
    standard_errors: dict[str, float]
    parameters: int


def train(
    problem: Problem,
    encoder: Encoder,
    train_split: EncodedSplit,
    validation: EncodedSplit,
    scratch_folder: Path,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
    on_step: Callable[[int, int], None] = lambda step, steps: None,
) -> tuple[Network, Outcome]:
    """Trains until every task has stopped or the epochs are over, from the last checkpoint in `scratch_folder` if any.

    Same problem, data, code and machine give the same weights, killed in between or not: every epoch draws its
    randomness from (seed, epoch) alone.

    Returns:
        the network with the chosen epoch's weights, and what happened.
    """
    options, tasks = problem.training, encoder.tasks
    network = Network.seeded(encoder, problem.model, options.seed)
    balancing = options.balancing.build(len(tasks))
    optimizer = optimizer_of(network, balancing, options)
    stopper = Stopper(options.stopping, network.tasks)
    scratch = Scratch(
        scratch_folder, fingerprint(problem.model_dump_json(exclude={"gates"}), encoder.model_dump_json())
    )
    progress = Progress.model_validate(scratch.restore(network, optimizer, balancing) or {})
    stopper.load_state_dict(progress.stopper)
    epochs, errors = list(progress.epochs), progress.standard_errors
    for epoch in epochs:
        on_epoch(epoch)
    teachers = {task: scratch.teacher(task) for task in held(stopper)}

    with repeatable(options.threads):
        while len(epochs) < options.epochs and not stopper.ended:
            number, began = len(epochs) + 1, time.perf_counter()
            losses = train_epoch(
                network, balancing, optimizer, tasks, train_split, teachers, options, number=number, on_step=on_step
            )
            predictions = predictions_of(network, tasks, validation)
            values = metric_values(tasks, validation, predictions)
            errors = errors or standard_errors(tasks, validation, predictions)
            scores = {task.name: task.metric.oriented(values[task.name]) / errors[task.name] for task in tasks}
            just_stopped = stopper.update(scores)
            epoch = Epoch(
                number=number,
                losses=losses,
                values=values,
                scores=scores,
                stopped=tuple(task for task in network.tasks if task in just_stopped),
                held=tuple(task for task in network.tasks if task in teachers),
                seconds=time.perf_counter() - began,
            )
            epochs.append(epoch)
            scratch.keep(number, network)
            scratch.drop_all_but(useful_epochs([epoch.scores for epoch in epochs]))
            for task in held(stopper):
                if task not in teachers:
                    own_best = best_epoch_of(task, [epoch.scores for epoch in epochs])
                    teachers[task] = make_teacher(scratch, task, own_best, network, train_split)
            progress = Progress(epochs=tuple(epochs), standard_errors=errors, stopper=stopper.state_dict())
            scratch.save(network, optimizer, balancing, progress.model_dump())
            on_epoch(epoch)

    chosen = best_epoch([epoch.scores for epoch in epochs])
    network.load_state_dict(scratch.weights(chosen))
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return network, Outcome(epochs=tuple(epochs), chosen=chosen, standard_errors=errors, parameters=parameters)


def train_epoch(
    network: Network,
    balancing: Scalarizer,
    optimizer: torch.optim.Optimizer,
    tasks: tuple[FittedTask, ...],
    split: EncodedSplit,
    teachers: dict[str, Tensor],
    options: Training,
    *,
    number: int,
    on_step: Callable[[int, int], None] = lambda step, steps: None,
) -> dict[str, float]:
    """One pass over the split, in an order and with a dropout that (seed, number) decides; mean loss per task."""
    network.train()
    generator = np.random.default_rng([options.seed, number])
    order = torch.from_numpy(generator.permutation(len(split)))
    torch.manual_seed(int(generator.integers(2**63)))
    sums, counts = torch.zeros(len(tasks)), torch.zeros(len(tasks))
    steps = math.ceil(len(split) / options.batch_size)
    for step, rows in enumerate(torch.split(order, options.batch_size)):
        batch = split.take(rows)
        logits = network(batch.inputs)
        soft = {task: values.index_select(0, rows) for task, values in teachers.items()}
        losses = task_losses(tasks, logits, batch.labels, soft)
        vector = torch.stack([losses.get(task.name, sums.new_zeros(())) for task in tasks])  # (T,)
        loss = balancing(vector)
        if not torch.isfinite(loss):
            raise TrainingError(_not_finite(vector, tasks, number, step))
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        if len(losses) < len(tasks):
            # A task without a label in this batch must move nothing, its weight in the balancing included.
            for parameter in balancing.parameters():
                parameter.grad = None
        optimizer.step()
        sums += vector.detach()
        counts += torch.tensor([task.name in losses for task in tasks])
        on_step(step + 1, steps)
    means = (sums / counts).tolist()  # NaN where the task had no label at all
    return dict(zip(network.tasks, means, strict=True))


def optimizer_of(network: nn.Module, balancing: nn.Module, options: Training) -> torch.optim.Optimizer:
    """AdamW (Loshchilov and Hutter 2019, algorithm 2), which without decay is Adam; the balancing has none."""
    groups = [
        {"params": list(network.parameters()), "weight_decay": options.weight_decay},
        {"params": list(balancing.parameters()), "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=options.learning_rate, fused=True)


def _not_finite(losses: Tensor, tasks: tuple[FittedTask, ...], epoch: int, step: int) -> str:
    bad = [
        f"{task.name} ({value:g})"
        for task, value in zip(tasks, losses.tolist(), strict=True)
        if not math.isfinite(value)
    ]
    return (
        f"epoch {epoch}, step {step + 1}: every loss must be finite, found "
        f"{', '.join(bad) or 'an infinite balanced loss'}; nothing was updated. "
        "Lower training.learning_rate, or look for extreme targets"
    )
