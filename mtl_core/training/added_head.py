"""Training of one task on a frozen representation of the rows."""

from torch import Tensor

from mtl_core.config import Problem
from mtl_core.config.trunks import SharedBottom
from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.encoder import Encoder
from mtl_core.distillation.single_task import single_task_encoder, single_task_problem, single_task_split
from mtl_core.features.vector import unscaled_vector

FEATURE = "representation"
BLOCK = "vector"
"""The block of the representation, (rows, width)."""
HIDDEN = 64
"""Width of the hidden layer."""


def added_head_problem(problem: Problem, task: str, *, adapter: bool) -> Problem:
    """The problem of a task whose only feature is the representation.

    Its network is a hidden layer and the declared head. With an adapter there is also the declared private layer, so
    that the task has a path of its own from the inputs in the representation.
    """
    alone = single_task_problem(problem, task)
    options = {"trunk": SharedBottom(widths=(HIDDEN,)), "private": problem.model.private if adapter else 0}
    return alone.model_copy(update={"model": alone.model.model_copy(update=options)})


def representation_encoder(encoder: Encoder, task: str, width: int) -> Encoder:
    """The encoder of the task with the representation, unchanged, as its only feature."""
    feature = unscaled_vector(FEATURE, width)
    return single_task_encoder(task, encoder).model_copy(update={"features": (feature,)})


def representation_split(split: EncodedSplit, task: str, representation: Tensor) -> EncodedSplit:
    """(rows, width) representation of a split's rows, with the labels and weights of the task."""
    alone = single_task_split(task, split)
    return EncodedSplit({BLOCK: representation}, alone.labels, alone.weights)
