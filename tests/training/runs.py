"""Runs of the loop on the small problem, and what their checkpoints hold."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from mtl_core.distillation import TeacherStore
from mtl_core.model import Network
from mtl_core.training import Epoch, FinetunedHead, Progress, TrainingResult, train
from mtl_core.training.checkpoint import CheckpointStore
from tests.small import Small

Weights = dict[str, Tensor]


def weights(module: nn.Module) -> Weights:
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def same(a: Weights, b: Weights) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def run(small: Small, scratch: Path, **training: Any) -> tuple[Weights, TrainingResult]:
    network, outcome = train(small.declared(**training), small.encoder, small.train, small.validation, scratch)
    return weights(network), outcome


def without_times(outcome: TrainingResult) -> str:
    return json.dumps(outcome.model_dump())


class Callbacks(Progress):
    """Progress of functions, by the names of its methods."""

    def __init__(self, **functions: Any) -> None:
        assert all(hasattr(Progress, name) for name in functions)
        self.__dict__.update(functions)


class CrashError(Exception):
    """Stands for a kill at some moment."""


class Crashes(Progress):
    """Kills a training once at every moment of its life: told of it by callbacks, and after every file it writes."""

    def __init__(self) -> None:
        self.seen: set[tuple[str, int, int]] = set()
        self.epochs = self.heads = 0

    def at(self, moment: str) -> None:
        key = (moment, self.epochs, self.heads)
        if key not in self.seen:
            self.seen.add(key)
            raise CrashError

    def on_epoch(self, epoch: Epoch) -> None:
        self.epochs = epoch.number
        self.at("epoch")

    def on_step(self, step: int, steps: int) -> None:
        if step == 2:
            self.at("middle of a pass")

    def on_finetune(self, head: FinetunedHead) -> None:
        self.heads += 1
        self.at("finetune")

    @contextmanager
    def after_every_write(self) -> Iterator[None]:
        """Crash after every write, and before a teacher is written, while the network has that teacher's weights."""
        with pytest.MonkeyPatch.context() as patch:
            for name in ("save_epoch", "prune", "save"):
                self._patch(patch, CheckpointStore, name, name)
            self._patch(patch, TeacherStore, "save", "save_teacher")
            yield

    def _patch(self, patch: pytest.MonkeyPatch, store: type, name: str, moment: str) -> None:
        method = getattr(store, name)

        def write(self_: Any, *arguments: Any) -> None:
            if moment == "save_teacher":
                self.at("teacher made")
            method(self_, *arguments)
            self.at(moment)

        patch.setattr(store, name, write)

    def run(self, small: Small, scratch: Path, **training: Any) -> tuple[Weights, TrainingResult]:
        """Starts over until no moment is left."""
        with self.after_every_write():
            while True:
                self.epochs = self.heads = 0
                try:
                    network, outcome = train(
                        *(small.declared(**training), small.encoder, small.train, small.validation, scratch),
                        self,
                    )
                except CrashError:
                    continue
                return weights(network), outcome


class Watched:
    """Contents of every epoch's checkpoint of a training.

    Weights, their average and how many steps of each parameter it is of, and the optimiser's state by parameter.
    Without averaging the average is the weights, of one step.
    """

    def __init__(self, small: Small, scratch: Path, **training: Any) -> None:
        problem = small.declared(**training)
        self.network = Network.seeded(problem, small.encoder, 0)
        self.weights: list[Weights] = []
        self.averages: list[Weights] = []
        self.steps: list[list[int]] = []
        self.optimizer: list[Weights] = []
        self.scratch = scratch
        self.final, self.outcome = train(
            *(problem, small.encoder, small.train, small.validation, scratch), Callbacks(on_epoch=self._look)
        )

    def own(self, task: str, epoch: int) -> Weights:
        """The task's own parameters after that epoch, their average and its steps, and all that the optimiser knows."""
        own = {id(parameter) for parameter in self.network.task_parameters(self.network.tasks.index(task))}
        found = {}
        scales = {id(scale) for scale in self.network.input_scales}  # the last group of the optimiser
        in_optimizer = sorted(self.network.named_parameters(), key=lambda named: id(named[1]) in scales)
        places = {name: place for place, (name, _) in enumerate(in_optimizer)}
        for position, (name, parameter) in enumerate(self.network.named_parameters()):
            if id(parameter) in own:
                found[name] = self.weights[epoch - 1][name]
                found[f"{name} average"] = self.averages[epoch - 1][name]
                found[f"{name} average of"] = torch.tensor(self.steps[epoch - 1][position])
                mark = f"{places[name]}."
                state = self.optimizer[epoch - 1].items()
                found |= {f"{name} {key}": value for key, value in state if key.startswith(mark)}
        return found

    def shared(self, epoch: int) -> Sequence[Tensor]:
        """The shared parameters after that epoch."""
        shared = {id(parameter) for parameter in self.network.shared().parameters}
        return [self.weights[epoch - 1][n] for n, p in self.network.named_parameters() if id(p) in shared]

    def after(self, epoch: int) -> Network:
        """The network that was scored after that epoch."""
        self.network.load_state_dict(self.averages[epoch - 1])
        return self.network

    def _look(self, epoch: Epoch) -> None:
        tensors = load_file(self.scratch / "checkpoint.safetensors")
        for prefix, into in (
            ("network.", self.weights),
            ("average.network.", self.averages),
            ("optimizer.", self.optimizer),
        ):
            into.append({n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)})
        self.averages[-1] = self.averages[-1] or self.weights[-1]
        self.steps.append(tensors.get("average.steps", torch.ones(len(self.weights[-1]))).int().tolist())
