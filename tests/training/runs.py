"""Trainings of a small problem, the contents of their checkpoints, and crashes at every point."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from mtl_core.config import Problem
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


def train_small(
    small: Small, folder: Path, progress: Progress | None = None, *, problem: Problem | None = None, **training: Any
) -> tuple[Network, TrainingResult]:
    """Train the small problem with changes under `training`, or another problem on its splits."""
    problem = problem or small.declared(**training)
    return train(problem, small.encoder, small.train, small.validation, folder, progress)


def run(small: Small, folder: Path, **options: Any) -> tuple[Weights, TrainingResult]:
    network, result = train_small(small, folder, **options)
    return weights(network), result


def to_json(result: TrainingResult) -> str:
    """For comparisons: NaN differs from itself."""
    return json.dumps(result.model_dump())


class Callbacks(Progress):
    """Functions as methods of Progress, by name."""

    def __init__(self, **functions: Any) -> None:
        assert all(hasattr(Progress, name) for name in functions)
        self.__dict__.update(functions)


class CrashError(Exception):
    """Replaces a kill of the process."""


class CrashInjector(Progress):
    """Raises CrashError once at every point of a training: in callbacks, and after every written file."""

    def __init__(self) -> None:
        self.points: set[tuple[str, int, int]] = set()
        self.phases: list[str] = []
        """The task of every step of a teacher, and "epoch" for a step of an epoch."""
        self.epochs = self.heads = 0

    def crash(self, name: str) -> None:
        point = (name, self.epochs, self.heads)
        if point not in self.points:
            self.points.add(point)
            raise CrashError

    def on_teacher(self, task: str, step: int, steps: int) -> None:
        self.phases.append(task)
        self.crash(f"teacher of {task}, step {step}")

    def on_epoch(self, epoch: Epoch) -> None:
        self.epochs = epoch.number
        self.crash("epoch")

    def on_step(self, step: int, steps: int) -> None:
        self.phases.append("epoch")
        if step == 2:
            self.crash("step")

    def on_finetune(self, head: FinetunedHead) -> None:
        self.heads += 1
        self.crash("finetune")

    def run(self, small: Small, folder: Path, **options: Any) -> tuple[Weights, TrainingResult]:
        """Restart the training after every crash until it ends."""
        with self._crashes_of_writes():
            while True:
                self.epochs = self.heads = 0
                try:
                    return run(small, folder, progress=self, **options)
                except CrashError:
                    continue

    @contextmanager
    def _crashes_of_writes(self) -> Iterator[None]:
        """Crash after every write, and before soft targets are written, while the network has the teacher's weights."""
        with pytest.MonkeyPatch.context() as patch:
            for name in ("save_epoch", "prune", "save"):
                self._crash_after(patch, CheckpointStore, name, name)
            self._crash_after(patch, TeacherStore, "save", "save_teacher")
            yield

    def _crash_after(self, patch: pytest.MonkeyPatch, store: type, method: str, point: str) -> None:
        original = getattr(store, method)

        def crashing(self_: Any, *arguments: Any) -> None:
            if point == "save_teacher":
                self.crash("before save_teacher")
            original(self_, *arguments)
            self.crash(point)

        patch.setattr(store, method, crashing)


class RecordedTraining:
    """A training with the contents of its checkpoint after every epoch.

    Weights, their average with its number of steps per parameter, and the optimiser's state. Without averaging the
    average is the weights, with one step.
    """

    def __init__(self, small: Small, folder: Path, **training: Any) -> None:
        self.network = Network.seeded(small.declared(**training), small.encoder, 0)
        self.weights: list[Weights] = []
        self.averages: list[Weights] = []
        self.steps: list[list[int]] = []
        self.optimizer: list[Weights] = []
        self.folder = folder
        self.trained, self.result = train_small(small, folder, Callbacks(on_epoch=self._record), **training)

    def task_state(self, task: str, epoch: int) -> Weights:
        """Task parameters after that epoch, their average with its steps, and the optimiser's state of them."""
        ids = {id(parameter) for parameter in self.network.task_parameters(self.network.tasks.index(task))}
        scales = {id(scale) for scale in self.network.input_scales}  # the last group of the optimiser
        in_optimizer = sorted(self.network.named_parameters(), key=lambda named: id(named[1]) in scales)
        optimizer_keys = {name: f"{index}." for index, (name, _) in enumerate(in_optimizer)}
        tensors = {}
        for position, (name, parameter) in enumerate(self.network.named_parameters()):
            if id(parameter) in ids:
                tensors[name] = self.weights[epoch - 1][name]
                tensors[f"{name} average"] = self.averages[epoch - 1][name]
                tensors[f"{name} average steps"] = torch.tensor(self.steps[epoch - 1][position])
                state = self.optimizer[epoch - 1].items()
                tensors |= {f"{name} {key}": value for key, value in state if key.startswith(optimizer_keys[name])}
        return tensors

    def shared(self, epoch: int) -> Sequence[Tensor]:
        """The shared parameters after that epoch."""
        shared = {id(parameter) for parameter in self.network.shared().parameters}
        return [self.weights[epoch - 1][n] for n, p in self.network.named_parameters() if id(p) in shared]

    def evaluated(self, epoch: int) -> Network:
        """The network that was evaluated after that epoch."""
        self.network.load_state_dict(self.averages[epoch - 1])
        return self.network

    def _record(self, epoch: Epoch) -> None:
        tensors = load_file(self.folder / "checkpoint.safetensors")
        for prefix, history in (
            ("network.", self.weights),
            ("average.network.", self.averages),
            ("optimizer.", self.optimizer),
        ):
            history.append({n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)})
        self.averages[-1] = self.averages[-1] or self.weights[-1]
        self.steps.append(tensors.get("average.steps", torch.ones(len(self.weights[-1]))).int().tolist())
