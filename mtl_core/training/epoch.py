"""A training epoch: the optimizer steps between two evaluations."""

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import islice

import numpy as np
import torch
from torch import Tensor, nn

from mtl_core.balancing import Balancer
from mtl_core.config import Training
from mtl_core.config.budget import Budget
from mtl_core.data.encoded import Batch, EncodedSplit
from mtl_core.distillation.soft_targets import SoftTargets
from mtl_core.errors import TrainingError
from mtl_core.model import Network
from mtl_core.training.losses import task_losses

SCALE_RATE = 6.0
"""Learning rate of the input scales, as a multiple of that of the other parameters (Holzmüller 2024, table A.1)."""
BeforeStep = Callable[[int, int, Batch, Mapping[str, SoftTargets]], None]
"""Callback before each step: (step from 0, number of steps, batch, its soft targets). Must not modify them."""


def train_epoch(
    network: Network,
    balancer: Balancer,
    optimizer: torch.optim.Optimizer,
    split: EncodedSplit,
    options: Training,
    budget: Budget,
    *,
    epoch: int,
    soft_targets: Mapping[str, SoftTargets] = {},
    paused: Collection[str] = (),
    before_step: BeforeStep = lambda step, steps, batch, targets: None,
    after_step: Callable[[], None] = lambda: None,
    on_step: Callable[[int, int], None] = lambda step, steps: None,
) -> dict[str, float]:
    """Train for the steps of an epoch, numbered from 1; (seed, epoch) decides the dropout and the rows of each step.

    A paused task has no loss and the parameters that it alone uses have no gradient, so that neither momentum nor
    weight decay changes them. A batch in which no task takes part changes nothing.

    Args:
        after_step: called before the gradients of the step are reset.

    Returns:
        task -> mean loss over the batches in which it took part; NaN where it took part in none.

    Raises:
        TrainingError: a loss is not finite; that batch has changed no weight.
    """
    tasks = network.objectives
    network.train()
    torch.manual_seed(int(np.random.default_rng([options.seed, epoch, 1]).integers(2**63)))
    sums, counts = [0.0] * len(tasks), [0] * len(tasks)
    shared, task_parameters = network.shared(), [network.task_parameters(position) for position in range(len(tasks))]
    steps = budget.steps_per_epoch
    balancer.before_epoch()
    for step, rows in enumerate(batches_of(split, budget, seed=options.seed, epoch=epoch)):
        batch = split.take(rows)
        targets = {task: task_targets.take(rows) for task, task_targets in soft_targets.items()}

        def recompute_losses(batch: Batch = batch, targets: dict[str, SoftTargets] = targets) -> dict[int, Tensor]:
            with torch.no_grad():
                return task_losses(tasks, network(batch.inputs), batch, targets, paused)

        before_step(step, steps, batch, targets)
        losses = task_losses(tasks, network(batch.inputs), batch, targets, paused)
        if losses:
            for position, value in _finite(losses, network.tasks, epoch, step).items():
                sums[position] += value
                counts[position] += 1
            optimizer.zero_grad()
            balancer.backward(losses, shared)
            _clear_gradients([task_parameters[position] for position in range(len(tasks)) if position not in losses])
            optimizer.step()
            balancer.after_step(recompute_losses)
            after_step()
        on_step(step + 1, steps)
    means = {position: sums[position] / counts[position] for position in range(len(tasks)) if counts[position]}
    balancer.after_epoch(means)
    return {task.name: means.get(position, math.nan) for position, task in enumerate(tasks)}


def batches_of(split: EncodedSplit, budget: Budget, *, seed: int, epoch: int) -> Iterator[Tensor]:
    """Row numbers (B,) of each step of an epoch, numbered from 1.

    Passes over the rows follow each other, each in an order that (seed, pass) decides; an epoch may end within a pass.
    """
    steps_per_pass = math.ceil(len(split) / budget.batch_size)
    passes, start = divmod((epoch - 1) * budget.steps_per_epoch, steps_per_pass)
    remaining = budget.steps_per_epoch
    while remaining:
        order = split.order(np.random.default_rng([seed, passes + 1]), budget.batch_size)
        batches = islice(order, start, start + remaining)
        remaining -= min(remaining, steps_per_pass - start)
        passes, start = passes + 1, 0
        yield from batches


def optimizer_of(network: Network, balancing: nn.Module, options: Training) -> torch.optim.Optimizer:
    """AdamW (Loshchilov and Hutter 2019, algorithm 2).

    Parameters of the balancing and input scales have no weight decay; input scales have a higher learning rate.
    """
    scales = {id(scale) for scale in network.input_scales}
    groups = [
        {"params": [p for p in network.parameters() if id(p) not in scales], "weight_decay": options.weight_decay},
        {"params": list(network.input_scales), "weight_decay": 0.0, "lr": SCALE_RATE * options.learning_rate},
        {"params": list(balancing.parameters()), "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=options.learning_rate, fused=True)


def _clear_gradients(absent: Sequence[Sequence[nn.Parameter]]) -> None:
    """Set gradients of absent tasks to None; stacked operations leave zeros.

    The optimiser skips a parameter without a gradient. One whose gradient is 0 is moved by momentum and weight decay.
    """
    for parameters in absent:
        for parameter in parameters:
            parameter.grad = None


def _finite(losses: Mapping[int, Tensor], tasks: tuple[str, ...], epoch: int, step: int) -> dict[int, float]:
    """The losses as numbers; TrainingError if one is not finite."""
    values = dict(zip(losses, torch.stack(list(losses.values())).tolist(), strict=True))
    errors = [f"{tasks[position]} ({value:g})" for position, value in values.items() if not math.isfinite(value)]
    if errors:
        raise TrainingError(
            f"epoch {epoch}, step {step + 1}: every loss must be finite, found {', '.join(errors)}; nothing was "
            "updated. Lower training.learning_rate, or look for extreme targets"
        )
    return values
