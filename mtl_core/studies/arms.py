"""The arms of a comparison: ways to train the same tasks on the same rows, run once per seed."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from mtl_core.config import Problem, Stopping
from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.encoder import Encoder
from mtl_core.data.ragged_tensor import RaggedTensor
from mtl_core.distillation.single_task import single_task_encoder, single_task_problem, single_task_split
from mtl_core.evaluation import evaluate
from mtl_core.files import pending, write_text
from mtl_core.frozen import Frozen
from mtl_core.model.inference import predictions_of
from mtl_core.numbers import Number, defined
from mtl_core.stopping import Policy
from mtl_core.studies.progress import NamedProgress
from mtl_core.tasks import Objective
from mtl_core.training import Epoch, TrainingResult, train
from mtl_core.training.checkpoint import CheckpointStore, fingerprint, save_weights

Arm = Literal["joint", "freeze", "hold", "single_task"]
POLICIES: tuple[Policy, ...] = get_args(Policy)
"""The shared network, its tasks stopped by that policy."""
SINGLE_TASK: Arm = "single_task"
"""A network per task, each of the shared one's widths."""

Predictions = dict[str, NDArray[Any]]
OnEpoch = Callable[[str, Epoch], None]
"""Hears of every epoch, and of which network: "" for the shared one, else the task."""


@dataclass(frozen=True, kw_only=True)
class Splits:
    """The rows that every arm is given."""

    train: EncodedSplit
    validation: EncodedSplit
    test: EncodedSplit

    def only(self, task: str) -> "Splits":
        """With the labels and weights of that task alone."""
        return Splits(
            train=single_task_split(task, self.train),
            validation=single_task_split(task, self.validation),
            test=single_task_split(task, self.test),
        )

    @cached_property
    def digest(self) -> str:
        """Digest of every number in them."""
        found = hashlib.blake2b(digest_size=16)
        for split in (self.train, self.validation, self.test):
            for tensors in (split.inputs, split.labels, split.weights):
                for name, values in tensors.items():
                    parts = (values.values, values.offsets) if isinstance(values, RaggedTensor) else (values,)
                    for part in parts:
                        found.update(name.encode() + part.contiguous().numpy().tobytes())
        return found.hexdigest()


class TaskRun(Frozen):
    """Result of an arm for one task with one seed."""

    test: dict[str, Number]
    """Metric -> value of the model on the test split."""
    validation: tuple[Number, ...]
    """The task's own metric on validation after each epoch."""
    stopped: tuple[int, ...]
    """The epochs after which it stopped."""
    chosen: int
    """The epoch whose weights are the model."""
    seconds: float
    """Processor seconds of the training that made it: in a shared network that of all tasks."""


class ArmRun(Frozen):
    """Result of an arm with one seed."""

    arm: Arm
    seed: int
    tasks: dict[str, TaskRun]
    parameters: int
    """Number of parameters of all its networks."""

    @property
    def seconds(self) -> float:
        """Processor seconds of all its trainings."""
        own = [task.seconds for task in self.tasks.values()]
        return sum(own) if self.arm == SINGLE_TASK else own[0]


def problems_of(arm: Arm, problem: Problem, seed: int) -> dict[str, Problem]:
    """Problems that an arm trains: "" -> the shared network's, or task -> its own.

    An unsupervised task has no network of its own, since it clusters the embeddings that other tasks learn.
    """
    seeded = problem.model_copy(update={"training": problem.training.model_copy(update={"seed": seed})})
    if arm == SINGLE_TASK:
        return {
            name: single_task_problem(seeded, name) for name, task in problem.tasks.items() if not task.unsupervised
        }
    stopping = _under(seeded.training.stopping, arm)
    training = seeded.training.model_copy(update={"stopping": stopping})
    return {"": seeded.model_copy(update={"training": training})}


def run_arm(
    arm: Arm,
    problem: Problem,
    encoder: Encoder,
    splits: Splits,
    seed: int,
    folder: Path,
    on_epoch: OnEpoch = lambda network, epoch: None,
    on_step: Callable[[int, int], None] = lambda step, steps: None,
) -> ArmRun:
    """Train and measure an arm, unless `folder` holds the result already.

    The folder gets run.json, the test predictions, and the weights of each network. An interrupted run starts over, so
    that its time is that of a whole training.
    """
    problems = problems_of(arm, problem, seed)
    declared = [own.model_dump_json(exclude={"gates"}) for own in problems.values()]
    digest = fingerprint(*declared, encoder.model_dump_json(), splits.digest)
    kept = folder / "run.json"
    if (found := _finished(kept, digest)) is not None:
        return found
    CheckpointStore(folder, digest).clear()
    tasks: dict[str, TaskRun] = {}
    predictions: Predictions = {}
    parameters = 0
    for name, own in problems.items():
        own_encoder = single_task_encoder(name, encoder) if name else encoder
        rows = splits.only(name) if name else splits
        began = time.process_time()
        with CheckpointStore(folder, digest).temporary_folder("training") as scratch:
            progress = NamedProgress(name, on_epoch, on_step)
            network, outcome = train(own, own_encoder, rows.train, rows.validation, scratch, progress)
        seconds = time.process_time() - began
        own_predictions = predictions_of(network, rows.test)
        tasks |= _measured(network.objectives, rows.test, own_predictions, outcome, seconds)
        predictions |= own_predictions
        parameters += outcome.parameters
        save_weights(weights_of(folder, name), network.state_dict())
    with pending(folder / "predictions.safetensors") as temporary:
        save_file({task: np.ascontiguousarray(values) for task, values in predictions.items()}, temporary)
    run = ArmRun(arm=arm, seed=seed, tasks=tasks, parameters=parameters)
    write_text(kept, _Kept(digest=digest, run=run).model_dump_json(indent=1))
    return run


def predictions_from(folder: Path) -> Predictions:
    """Task -> (test rows, ...) predictions, of what `run_arm` left in `folder`."""
    return load_file(folder / "predictions.safetensors")


def weights_of(folder: Path, network: str) -> Path:
    """Path at which `run_arm` leaves the weights of a network: "" for the shared one, else the task."""
    # A task may be called what the file of the predictions is called; none has a ~ in its name.
    name = {"": "shared", "predictions": "predictions~"}.get(network, network)
    return folder / f"{name}.safetensors"


class _Kept(Frozen):
    """run.json: a run, and the digest of what it depends on."""

    digest: str
    run: ArmRun


def _finished(path: Path, digest: str) -> ArmRun | None:
    if not path.exists():
        return None
    kept = _Kept.model_validate_json(path.read_text(encoding="utf-8"))
    return kept.run if kept.digest == digest else None


def _under(stopping: Stopping, policy: str) -> Stopping:
    """The declared rules under that policy, without what it does not know."""
    foreign = {"joint": {"end", "tasks", "margin"}, "freeze": {"margin"}}.get(policy, set())
    return Stopping.model_validate(stopping.model_dump(exclude_unset=True, exclude=foreign) | {"policy": policy})


def _measured(
    tasks: tuple[Objective, ...],
    test: EncodedSplit,
    predictions: Predictions,
    outcome: TrainingResult,
    seconds: float,
) -> dict[str, TaskRun]:
    labels = {name: test.flat_labels(name).numpy() for name in test.labels}
    found = evaluate(tasks, labels, predictions, resamples=0)
    return {
        name: TaskRun(
            test={metric: defined(measured.value) for metric, measured in found[name].items()},
            validation=tuple(defined(epoch.values[name]) for epoch in outcome.epochs),
            stopped=tuple(epoch.number for epoch in outcome.epochs if name in epoch.stopped),
            chosen=outcome.chosen,
            seconds=seconds,
        )
        for name in predictions
    }
