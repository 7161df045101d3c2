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

    A labelled row is predicted by the trees of its fold, which are grown without the labels of that fold; any other row
    by the mean over the trees of all folds. Folds are drawn from `training.seed`. The labelled rows must fit into
    memory. `on_step` is called with the number of finished models and the number of all models.

    Raises:
        DataError: all labels lie in one fold.
        ProblemError: LightGBM is not installed, or trees cannot learn the task.
        TrainingError: LightGBM refuses the labels.
    """
    trees = Trees(task.name, options, encoder, training)
    folds = np.random.default_rng(training.seed).integers(options.folds, size=len(train_split))  # (rows,)
    objectives, validation_objectives = tree_objectives(task, train_split), tree_objectives(task, validation)
    predictions: list[NDArray[np.float64]] = []
    for objective, validation_objective in zip(objectives, validation_objectives, strict=True):
        labelled_folds = folds[objective.rows]
        if len(np.unique(labelled_folds)) < 2:
            raise DataError(
                f"training.teachers.{task.name}: `boosted` needs labels in two of its folds or more, found "
                f"{len(labelled_folds)} labelled rows in the training split; drop this teacher, or label more rows"
            )
        train_data = trees.dataset(train_split, objective)
        has_validation = len(validation_objective.rows) > 0
        validation_data = trees.dataset(validation, validation_objective, train_data) if has_validation else None
        models = []
        for fold in range(options.folds):
            other_folds = train_data.subset(np.flatnonzero(labelled_folds != fold))
            models.append(trees.grow(other_folds, validation_data, objective))
            on_step(len(predictions) * options.folds + fold + 1, len(objectives) * options.folds)
        predictions.append(_out_of_fold(trees, models, train_split, objective, folds))
    shape = task.baseline(train_split.flat_labels(task.name).numpy()).shape  # of a row: () or (classes,)
    return task.tree_logits(np.column_stack(predictions).reshape(-1, *shape))


def _out_of_fold(
    trees: Trees, models: list[Any], split: EncodedSplit, objective: TreeObjective, folds: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(rows, columns) predictions: of a labelled row by the model of its fold, of any other the mean over all models.

    `folds`: (rows,) number of each row's fold.
    """
    unlabelled = np.ones(len(split), dtype=bool)
    unlabelled[objective.rows] = False
    total = np.zeros((len(split), models[0].num_model_per_iteration()))
    for fold, model in enumerate(models):
        rows = np.flatnonzero(unlabelled | (folds == fold))
        total[rows] += trees.predict(model, split, rows)
    total[unlabelled] /= len(models)
    return total
