"""Teacher: gradient-boosted trees for one task, out of fold (LightGBM, Ke 2017; folds: Wolpert 1992)."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtl_core.config import Training
from mtl_core.config.distillation import Boosted
from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.encoder import Encoder
from mtl_core.distillation.trees import Trees, tree_objectives
from mtl_core.errors import DataError
from mtl_core.tasks import Objective
from mtl_core.tasks.tree_objectives import TreeObjective


def boosted_logits(
    options: Boosted,
    task: Objective,
    encoder: Encoder,
    train_split: EncodedSplit,
    validation: EncodedSplit,
    training: Training,
    on_step: Callable[[int, int], None],
) -> NDArray[np.float32]:
    """(training rows, outputs) logits.

    The logits of a labelled row are those of its fold's trees, which were grown without the labels of that fold; those
    of any other row are the mean over all folds' trees. Folds are drawn from `training.seed`. Needs memory for the
    labelled rows. `on_step` is called with the number of finished models and that of all.

    Raises:
        DataError: all labels lie in one fold.
        ProblemError: LightGBM is not installed, or trees cannot learn the task.
        TrainingError: LightGBM refuses the labels.
    """
    trees = Trees(task.name, options, encoder, training)
    fold = np.random.default_rng(training.seed).integers(options.folds, size=len(train_split))  # (rows,)
    learned, checked = tree_objectives(task, train_split), tree_objectives(task, validation)
    predictions = []
    for position, objective in enumerate(learned):
        _check_folds(task, fold[objective.rows])
        data = trees.dataset(train_split, objective)
        check = trees.dataset(validation, checked[position], data) if len(checked[position].rows) else None
        models = []
        for number in range(options.folds):
            others = np.flatnonzero(fold[objective.rows] != number)
            models.append(trees.grow(data.subset(others), check, objective))
            on_step(position * options.folds + number + 1, len(learned) * options.folds)
        predictions.append(_out_of_fold(trees, models, train_split, objective, fold))
    shape = task.baseline(train_split.flat_labels(task.name).numpy()).shape  # of a row: () or (classes,)
    return task.tree_logits(np.column_stack(predictions).reshape(-1, *shape))


def _check_folds(task: Objective, found: NDArray[np.int64]) -> None:
    if len(np.unique(found)) < 2:
        raise DataError(
            f"training.teachers.{task.name}: `boosted` needs labels in two of its folds or more, found {len(found)} "
            "labelled rows in the training split; drop this teacher, or label more rows"
        )


def _out_of_fold(
    trees: Trees, models: list[Any], split: EncodedSplit, objective: TreeObjective, fold: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(rows, columns) predictions: of a labelled row by its (rows,) fold's model, of any other the mean of all."""
    unlabelled = np.ones(len(split), dtype=bool)
    unlabelled[objective.rows] = False
    total = np.zeros((len(split), models[0].num_model_per_iteration()))
    for number, model in enumerate(models):
        rows = np.flatnonzero(unlabelled | (fold == number))
        total[rows] += trees.predict(model, split, rows)
    total[unlabelled] /= len(models)
    return total
