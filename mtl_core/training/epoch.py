"""One epoch: a pass over the training rows."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from mtl_core.balancing import Balancer
from mtl_core.config import Training
from mtl_core.data.encoded import Batch, EncodedSplit
from mtl_core.errors import TrainingError
from mtl_core.model import Network
from mtl_core.tasks import FittedTask
from mtl_core.training.losses import task_losses
from mtl_core.training.soft_targets import SoftTargets

__all__ = ["optimizer_of", "train_epoch"]

BeforeStep = Callable[[int, int, Batch, Mapping[str, SoftTargets]], None]
"""Is shown the step, counted from 0, how many there are, its batch, and the soft targets of that; changes nothing."""


def train_epoch(
    network: Network,
    balancer: Balancer,
    optimizer: torch.optim.Optimizer,
    tasks: tuple[FittedTask, ...],
    split: EncodedSplit,
    options: Training,
    *,
    number: int,
    soft: Mapping[str, SoftTargets] = {},
    resting: Collection[str] = (),
    before_step: BeforeStep = lambda step, steps, batch, taught: None,
    after_step: Callable[[], None] = lambda: None,
    on_step: Callable[[int, int], None] = lambda step, steps: None,
) -> dict[str, float]:
    """One pass over the split, in an order and with a dropout that (seed, number) decides.

    A task at rest has no loss, hence its own parameters no gradient: the optimiser passes them over, and neither
    momentum nor weight decay moves them. A batch in which no task takes part moves nothing.

    Args:
        after_step: is called while the gradients of the step are still there.

    Returns:
        mean loss per task over the batches in which it took part; NaN where it took part in none.

    Raises:
        TrainingError: a loss is not finite; the weights are as they were before that batch.
    """
    network.train()
    generator = np.random.default_rng([options.seed, number])
    batches = split.order(generator, options.batch_size)
    torch.manual_seed(int(generator.integers(2**63)))
    sums, counts = [0.0] * len(tasks), [0] * len(tasks)
    shared, own = network.shared(), [network.own(position) for position in range(len(tasks))]
    steps = math.ceil(len(split) / options.batch_size)
    balancer.before_epoch()
    for step, rows in enumerate(batches):
        batch = split.take(rows)
        taught = {task: targets.take(rows) for task, targets in soft.items()}

        def losses_again(batch: Batch = batch, taught: dict[str, SoftTargets] = taught) -> dict[int, Tensor]:
            with torch.no_grad():
                return task_losses(tasks, network(batch.inputs), batch, taught, resting)

        before_step(step, steps, batch, taught)
        losses = task_losses(tasks, network(batch.inputs), batch, taught, resting)
        if losses:
            for position, value in _finite(losses, tasks, number, step).items():
                sums[position] += value
                counts[position] += 1
            optimizer.zero_grad()
            balancer.backward(losses, shared)
            _forget_gradients([own[position] for position in range(len(tasks)) if position not in losses])
            optimizer.step()
            balancer.after_step(losses_again)
            after_step()
        on_step(step + 1, steps)
    means = {position: sums[position] / counts[position] for position in range(len(tasks)) if counts[position]}
    balancer.after_epoch(means)
    return {task.name: means.get(position, math.nan) for position, task in enumerate(tasks)}


def optimizer_of(network: nn.Module, balancing: nn.Module, options: Training) -> torch.optim.Optimizer:
    """AdamW (Loshchilov and Hutter 2019, algorithm 2), which without decay is Adam; the balancing has none."""
    groups = [
        {"params": list(network.parameters()), "weight_decay": options.weight_decay},
        {"params": list(balancing.parameters()), "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=options.learning_rate, fused=True)


def _forget_gradients(absent: Sequence[Sequence[nn.Parameter]]) -> None:
    """Of the tasks that take no part: None, where a graph that stacks the tasks' tensors says 0.

    A parameter whose gradient is 0 is still moved by momentum and weight decay; one without a gradient is passed over.
    """
    for parameters in absent:
        for parameter in parameters:
            parameter.grad = None


def _finite(losses: Mapping[int, Tensor], tasks: tuple[FittedTask, ...], epoch: int, step: int) -> dict[int, float]:
    """The losses as numbers, which must be finite."""
    values = dict(zip(losses, torch.stack(list(losses.values())).tolist(), strict=True))
    if bad := [f"{tasks[place].name} ({value:g})" for place, value in values.items() if not math.isfinite(value)]:
        raise TrainingError(
            f"epoch {epoch}, step {step + 1}: every loss must be finite, found {', '.join(bad)}; nothing was updated. "
            "Lower training.learning_rate, or look for extreme targets"
        )
    return values
