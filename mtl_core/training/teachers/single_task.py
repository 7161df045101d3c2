"""A network for one task alone, of the shared network's size, as its teacher (Clark, "BAM!", ACL 2019, section 3)."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mtl_core.config import Gates, Problem
from mtl_core.config.balancing import Mean
from mtl_core.config.trunks import SingleTask
from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.encoder import Encoder
from mtl_core.errors import TrainingError
from mtl_core.model import Network
from mtl_core.training.repeatable import repeatable
from mtl_core.training.scores import logits_of

__all__ = ["Loop", "alone", "encoder_of", "only", "single_task_logits"]


class Loop(Protocol):
    """The training loop. It is handed in, since it is the loop itself that wants teachers."""

    def __call__(
        self,
        problem: Problem,
        encoder: Encoder,
        train_split: EncodedSplit,
        validation: EncodedSplit,
        scratch_folder: Path,
        on_epoch: Callable[..., None],
    ) -> tuple[Network, object]: ...


def single_task_logits(
    task: str,
    problem: Problem,
    encoder: Encoder,
    train_split: EncodedSplit,
    validation: EncodedSplit,
    scratch_folder: Path,
    loop: Loop,
    on_step: Callable[[int, int], None],
) -> NDArray[np.float32]:
    """(training rows, outputs) logits of the task's own network.

    Its training goes on from `scratch_folder` after a kill. `on_step` hears of every epoch and how many there may be,
    and in the end that it was the last.
    """
    own_problem, epochs = alone(problem, task), problem.training.epochs
    own_encoder = encoder_of(task, encoder)
    own_split = only(task, train_split)
    try:
        network, _ = loop(
            *(own_problem, own_encoder, own_split, only(task, validation), scratch_folder),
            lambda epoch: on_step(epoch.number, epochs),
        )
    except TrainingError as error:
        raise TrainingError(f"the single-task teacher of {task}: {error}") from error
    on_step(epochs, epochs)
    with repeatable(problem.training.threads):
        return np.concatenate([logits[task].numpy() for _, logits in logits_of(network, own_split)])


def alone(problem: Problem, task: str) -> Problem:
    """The problem of that task alone: nothing shared, nothing balanced, no teacher.

    Its training ends where the task stops by its own rule, whatever ends that of all tasks. The trunk keeps the widths
    and the dropout of the shared one, where that has them.
    """
    size = problem.model.trunk.model_dump(include={"widths", "dropout"})
    model = problem.model.model_copy(update={"trunk": SingleTask(**size)})
    training = problem.training.model_copy(update={"balancing": Mean(), "finetune_heads": None, "teachers": {}})
    tasks = {task: problem.tasks[task]}
    return problem.model_copy(update={"tasks": tasks, "model": model, "training": training, "gates": Gates()})


def encoder_of(task: str, encoder: Encoder) -> Encoder:
    """The encoder with that task alone."""
    return encoder.model_copy(update={"tasks": tuple(own for own in encoder.tasks if own.name == task)})


def only(task: str, split: EncodedSplit) -> EncodedSplit:
    """The split with the labels and weights of that task alone."""
    weights = {name: values for name, values in split.weights.items() if name == task}
    return EncodedSplit(split.inputs, {task: split.labels[task]}, weights)
