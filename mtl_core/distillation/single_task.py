"""Teacher: a network of the shared network's size for one task (Clark, "BAM!", ACL 2019, section 3)."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from mtl_core.config import Gates, Problem
from mtl_core.config.balancing import Mean
from mtl_core.config.budget import budget_of
from mtl_core.config.trunks import SingleTask
from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.encoder import Encoder
from mtl_core.errors import TrainingError
from mtl_core.model import Network
from mtl_core.model.inference import stored_logits
from mtl_core.nn.deterministic import deterministic

TrainFunction = Callable[[Problem, Encoder, EncodedSplit, EncodedSplit, Path, Callable[[int], None]], Network]
"""Problem, encoder, training and validation split, checkpoint folder, callback with the number of each finished epoch
-> the trained network. The training loop is passed in, since it lies above the teachers.
"""


def single_task_logits(
    task: str,
    problem: Problem,
    encoder: Encoder,
    train_split: EncodedSplit,
    validation: EncodedSplit,
    folder: Path,
    train: TrainFunction,
    on_step: Callable[[int, int], None],
) -> NDArray[np.float32]:
    """(training rows, outputs) logits of a network trained for the task alone; (items, outputs) for level token.

    A training that was interrupted resumes from `folder`. `on_step` is called with the number of finished epochs and
    the maximum number of epochs, and at the end with the maximum twice.

    Raises:
        TrainingError: the training of the teacher failed.
    """
    epochs, rows = budget_of(problem.training, len(train_split)).epochs, single_task_split(task, train_split)
    try:
        network = train(
            single_task_problem(problem, task),
            single_task_encoder(task, encoder),
            rows,
            single_task_split(task, validation),
            folder,
            lambda epoch: on_step(epoch, epochs),
        )
    except TrainingError as error:
        raise TrainingError(f"the single-task teacher of {task}: {error}") from error
    on_step(epochs, epochs)
    with deterministic(problem.training.threads):
        return torch.cat(stored_logits(network, rows, [task])[task]).numpy()


def single_task_problem(problem: Problem, task: str) -> Problem:
    """The problem with that task alone: nothing shared, nothing balanced, no teacher.

    Training ends when the task stops by its own rule. The trunk has the widths and the dropout of the shared trunk,
    where that has them.
    """
    size = problem.model.trunk.model_dump(include={"widths", "dropout"})
    model = problem.model.model_copy(update={"trunk": SingleTask(**size)})
    training = problem.training.model_copy(update={"balancing": Mean(), "finetune_heads": None, "teachers": {}})
    tasks = {task: problem.tasks[task]}
    return problem.model_copy(update={"tasks": tasks, "model": model, "training": training, "gates": Gates()})


def single_task_encoder(task: str, encoder: Encoder) -> Encoder:
    """The encoder with that task alone."""
    return encoder.model_copy(update={"tasks": tuple(codec for codec in encoder.tasks if codec.name == task)})


def single_task_split(task: str, split: EncodedSplit) -> EncodedSplit:
    """The split with the labels and weights of that task alone."""
    weights = {name: values for name, values in split.weights.items() if name == task}
    return EncodedSplit(split.inputs, {task: split.labels[task]}, weights)
