"""Gradient cosines and task affinities, measured during training.

Cosine: that of two tasks' gradients with respect to the shared parameters. Above 0, a small step for one
lowers the other's loss.

Affinity of i to j: the relative decrease of task j's loss after a step of the shared parameters for task i alone,
Z = 1 - L_j(after) / L_j(before) on the same batch (TAG: Fifty, Amid, Zhao, Yu, Anil and Finn 2021, "Efficiently
Identifying Task Groupings for Multi-Task Learning", NeurIPS, equations 1 and 2).

Departs from the paper, where the step is the gradient times the learning rate. Here it is the next step of Adam if task
i alone had a loss, with 1 / tasks of its gradient as under `mean`, and without momentum, which stems from all tasks.
The input scales take it at the learning rate of the other parameters, not at their own, six times as high: a step that
long did not separate tasks with the same target from other tasks.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

import torch
from torch import Tensor, nn
from torch.func import functional_call

from mtl_core.config import RelatednessOptions
from mtl_core.data.encoded import Batch
from mtl_core.distillation.soft_targets import SoftTargets
from mtl_core.model import Network
from mtl_core.training.history import TaskRelatedness
from mtl_core.training.losses import task_losses

Gradients = tuple[Tensor | None, ...]
"""The gradients of one loss, per shared parameter; None if the loss does not depend on it."""


class Probe:
    """Measurements on batches of one epoch. Modifies no weight, no `.grad` and no random state."""

    def __init__(
        self, network: Network, optimizer: torch.optim.Optimizer, options: RelatednessOptions, epoch: int
    ) -> None:
        self.network, self.optimizer, self.tasks = network, optimizer, network.objectives
        self.options, self.epoch = options, epoch
        unshared = {id(parameter) for i in range(len(self.tasks)) for parameter in network.task_parameters(i)}
        self.shared = {name: p for name, p in network.named_parameters() if id(p) not in unshared}
        self.active = options.every > 0 and len(self.tasks) > 1 and bool(self.shared)
        self.measurements = 0
        self._cosines = _Means()
        self._affinities = _Means()

    def measure(self, step: int, steps: int, batch: Batch, targets: Mapping[str, SoftTargets]) -> None:
        """Callback before step 0, 1, ... of the epoch's `steps`; measures at every `every`th step of the training.

        Losses are those of the labels, for every task that has labels in the batch, paused or not, and those of the
        soft targets for unsupervised tasks. Dropout is off, so that only the step changes a loss.
        """
        if not self.active or ((self.epoch - 1) * steps + step + 1) % self.options.every:
            return
        self.measurements += 1
        soft = {task.name: targets[task.name] for task in self.tasks if task.unsupervised and task.name in targets}
        training = self.network.training
        self.network.eval()
        try:
            losses = task_losses(self.tasks, self.network(batch.inputs), batch, soft)
            gradients = _gradients(losses, tuple(self.shared.values()))
            before = {position: loss.item() for position, loss in losses.items()}
            self._cosines.add((self._pair(a, b), value) for a, b, value in _cosines(gradients))
            if self.options.affinity:
                for source, source_gradients in gradients.items():
                    self._measure_affinities(source, source_gradients, before, batch, soft)
        finally:
            self.network.train(training)

    def result(self) -> TaskRelatedness | None:
        """The means over the measurements of the epoch; None if there was none."""
        if not self.measurements:
            return None
        return TaskRelatedness(
            cosines=self._cosines.nested(), affinities=self._affinities.nested(), measurements=self.measurements
        )

    def _measure_affinities(
        self,
        source: int,
        gradients: Gradients,
        before: Mapping[int, float],
        batch: Batch,
        soft: Mapping[str, SoftTargets],
    ) -> None:
        """Add the affinities of a task to all, from the losses after its step on the shared parameters."""
        steps = {
            name: step
            for (name, parameter), gradient in zip(self.shared.items(), gradients, strict=True)
            if gradient is not None and (step := self._step(parameter, gradient)) is not None
        }
        if not steps:
            return
        updated = {name: self.shared[name].detach() - step for name, step in steps.items()}
        with torch.no_grad():
            losses = task_losses(self.tasks, functional_call(self.network, updated, (batch.inputs,)), batch, soft)
        self._affinities.add(
            (self._pair(source, target), 1 - loss.item() / before[target])
            for target, loss in losses.items()
            if before[target] > 0
        )

    def _step(self, parameter: nn.Parameter, gradient: Tensor) -> Tensor | None:
        """The step of Adam without momentum (Kingma and Ba 2015, algorithm 1); None before Adam's first step."""
        state, options = self.optimizer.state.get(parameter), self.optimizer.defaults
        if not state:
            return None
        gradient, decay = gradient / len(self.tasks), options["betas"][1]
        second = decay * state["exp_avg_sq"] + (1 - decay) * gradient.square()
        unbiased = second / (1 - decay ** (state["step"].item() + 1))
        step: Tensor = options["lr"] * gradient / (unbiased.sqrt() + options["eps"])
        return step

    def _pair(self, a: int, b: int) -> tuple[str, str]:
        return self.tasks[a].name, self.tasks[b].name


class _Means:
    """Means of values by pairs; values that are not finite are left out."""

    def __init__(self) -> None:
        self.sums: dict[tuple[str, str], float] = {}
        self.counts: dict[tuple[str, str], int] = {}

    def add(self, values: Iterable[tuple[tuple[str, str], float]]) -> None:
        for pair, value in values:
            if math.isfinite(value):
                self.sums[pair] = self.sums.get(pair, 0.0) + value
                self.counts[pair] = self.counts.get(pair, 0) + 1

    def nested(self) -> dict[str, dict[str, float]]:
        means: dict[str, dict[str, float]] = {}
        for (a, b), value in self.sums.items():
            means.setdefault(a, {})[b] = value / self.counts[a, b]
        return means


def _gradients(losses: Mapping[int, Tensor], parameters: Sequence[nn.Parameter]) -> dict[int, Gradients]:
    """Position -> the gradients of its loss; a backward pass for each."""
    last = len(losses) - 1
    return {
        position: torch.autograd.grad(loss, parameters, retain_graph=index < last, allow_unused=True)
        for index, (position, loss) in enumerate(losses.items())
    }


def _cosines(gradients: Mapping[int, Gradients]) -> list[tuple[int, int, float]]:
    """Cosines of all pairs, the earlier task first; without the pairs of a gradient that is 0 or not finite."""
    unit = {}
    for position, parts in gradients.items():
        squares = sum((part.square().sum() for part in parts if part is not None), torch.zeros(()))
        norm = squares.sqrt().item()
        if math.isfinite(norm) and norm > 0:
            unit[position] = [None if part is None else part / norm for part in parts]
    return [(a, b, _dot(unit[a], unit[b])) for a, b in combinations(unit, 2)]


def _dot(a: Sequence[Tensor | None], b: Sequence[Tensor | None]) -> float:
    """Dot product of two gradients of length 1."""
    parts = [(x * y).sum() for x, y in zip(a, b, strict=True) if x is not None and y is not None]
    return max(-1.0, min(1.0, float(sum(parts)))) if parts else 0.0
