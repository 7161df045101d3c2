"""Gradient cosines and task affinities, measured during training.

Cosine: that of two tasks' gradients with respect to the shared parameters. Above 0, a small step for one
lowers the other's loss.

Affinity of i to j: the share of its loss that task j would lose if the shared parameters took a step for task i alone,
Z = 1 - L_j(after) / L_j(before) on the same batch (TAG: Fifty, Amid, Zhao, Yu, Anil and Finn 2021, "Efficiently
Identifying Task Groupings for Multi-Task Learning", NeurIPS, equations 1 and 2). There the step is the gradient times
the learning rate, which is not the step of Adam. Here it is the one that Adam would take next if task i alone
had a loss, with 1 / tasks of its gradient as under `mean`, but without its momentum, which stems from all tasks. The
scales of the inputs take it at the common learning rate, not at their own, which is six times as high: over a step
that long, tasks of one target were not told from others.
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
from mtl_core.training.history import Relations
from mtl_core.training.losses import task_losses

Gradients = tuple[Tensor | None, ...]
"""The gradients of one loss, per shared parameter; None where the loss does not depend on it."""


class Probe:
    """Measurements on batches of one epoch. Modifies no weight, no `.grad` and no random state."""

    def __init__(
        self,
        network: Network,
        optimizer: torch.optim.Optimizer,
        options: RelatednessOptions,
        number: int,
    ) -> None:
        self.network, self.optimizer, self.tasks = network, optimizer, network.objectives
        self.options, self.number = options, number
        own = {id(parameter) for i in range(len(self.tasks)) for parameter in network.task_parameters(i)}
        self.shared = {name: p for name, p in network.named_parameters() if id(p) not in own}
        self.active = options.every > 0 and len(self.tasks) > 1 and bool(self.shared)
        self.probes = 0
        self._cosines = _Means()
        self._affinities = _Means()

    def measure(self, step: int, steps: int, batch: Batch, targets: Mapping[str, SoftTargets]) -> None:
        """Called before step 0, 1, ... of the epoch's `steps`; measures at every `every`th of the whole training.

        Losses are those of the labels, for every task that the batch has labels of, whether it trains or not, and those
        of the soft targets for unsupervised tasks that have some. Without dropout, so that losses differ by the step
        alone.
        """
        if not self.active or ((self.number - 1) * steps + step + 1) % self.options.every:
            return
        self.probes += 1
        own = {task.name: targets[task.name] for task in self.tasks if task.unsupervised and task.name in targets}
        training = self.network.training
        self.network.eval()
        try:
            losses = task_losses(self.tasks, self.network(batch.inputs), batch, own)
            gradients = _gradients(losses, tuple(self.shared.values()))
            before = {position: loss.item() for position, loss in losses.items()}
            self._cosines.add((self._pair(a, b), value) for a, b, value in _cosines(gradients))
            if self.options.affinity:
                for source, found in gradients.items():
                    self._measure_affinities(source, found, before, batch, own)
        finally:
            self.network.train(training)

    def relations(self) -> Relations | None:
        """The means over the measurements of the epoch; None where there was none."""
        if not self.probes:
            return None
        return Relations(cosines=self._cosines.nested(), affinities=self._affinities.nested(), probes=self.probes)

    def _measure_affinities(
        self,
        source: int,
        gradients: Gradients,
        before: Mapping[int, float],
        batch: Batch,
        own: Mapping[str, SoftTargets],
    ) -> None:
        """Add the affinities of one source, from the losses after its step on the shared parameters."""
        steps = {
            name: step
            for (name, parameter), gradient in zip(self.shared.items(), gradients, strict=True)
            if gradient is not None and (step := self._step(parameter, gradient)) is not None
        }
        if not steps:
            return
        moved = {name: self.shared[name].detach() - step for name, step in steps.items()}
        with torch.no_grad():
            losses = task_losses(self.tasks, functional_call(self.network, moved, (batch.inputs,)), batch, own)
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
        found: dict[str, dict[str, float]] = {}
        for (a, b), value in self.sums.items():
            found.setdefault(a, {})[b] = value / self.counts[a, b]
        return found


def _gradients(losses: Mapping[int, Tensor], parameters: Sequence[nn.Parameter]) -> dict[int, Gradients]:
    """Position -> the gradients of that loss. One backward pass each."""
    found: dict[int, Gradients] = {}
    for count, (position, loss) in enumerate(losses.items(), start=1):
        found[position] = torch.autograd.grad(loss, parameters, retain_graph=count < len(losses), allow_unused=True)
    return found


def _cosines(gradients: Mapping[int, Gradients]) -> list[tuple[int, int, float]]:
    """Cosines of all pairs, the earlier task first; without the pairs of a gradient that is 0 or not finite."""
    rows = {}
    for position, parts in gradients.items():
        squares = sum((part.square().sum() for part in parts if part is not None), torch.zeros(()))
        norm = squares.sqrt().item()
        if math.isfinite(norm) and norm > 0:
            rows[position] = [None if part is None else part / norm for part in parts]
    return [(a, b, _dot(rows[a], rows[b])) for a, b in combinations(rows, 2)]


def _dot(a: Sequence[Tensor | None], b: Sequence[Tensor | None]) -> float:
    """Dot product of two gradients of length 1."""
    parts = [(x * y).sum() for x, y in zip(a, b, strict=True) if x is not None and y is not None]
    return max(-1.0, min(1.0, float(sum(parts)))) if parts else 0.0
