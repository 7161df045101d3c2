"""LightGBM on encoded inputs, bit-identical on one machine. The only module that imports LightGBM."""

from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mtl_core.config import Training
from mtl_core.config.distillation import Boosted
from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.encoder import Encoder
from mtl_core.errors import ProblemError, TrainingError
from mtl_core.features import TreeColumns
from mtl_core.tasks import Objective
from mtl_core.tasks.tree_objectives import TreeObjective

PATIENCE = 20
"""Early stopping: trees without an improvement of the loss on validation."""
TREE_CHUNK_ROWS = 65_536
"""Rows per call of predict."""


def lightgbm_for(task: str) -> ModuleType:
    """The package LightGBM; ProblemError if it cannot be imported."""
    try:
        import lightgbm
    except (ImportError, OSError) as error:  # OSError if it does not find the OpenMP library
        raise ProblemError(
            f'training.teachers.{task}: `boosted` needs LightGBM, found: {error}; pip install "trunkline[boosted]", '
            "or drop this teacher"
        ) from None
    module: ModuleType = lightgbm
    return module


def tree_objectives(task: Objective, split: EncodedSplit) -> tuple[TreeObjective, ...]:
    """The tree models of a task, from its labels and weights in the split.

    Raises:
        ProblemError: trees cannot learn the kind of the task, or it is of level token.
    """
    if task.codec.sequence:
        raise ProblemError(
            f"training.teachers.{task.name}: `boosted` needs a task of level row, found level token; drop this teacher"
        )
    labels, weights = split.flat_labels(task.name).numpy(), split.flat_weights(task.name)
    objectives = task.tree_objectives(labels, np.ones(len(labels), np.float32) if weights is None else weights.numpy())
    if not objectives:
        raise ProblemError(
            f"training.teachers.{task.name}: `boosted` needs a kind of task that trees can learn, found "
            f"{task.codec.kind}; drop this teacher"
        )
    return objectives


def check_trees(task: Objective, split: EncodedSplit) -> None:
    """ProblemError if LightGBM is not installed, or trees cannot learn that kind of task."""
    lightgbm_for(task.name)
    tree_objectives(task, EncodedSplit({}, {task.name: split.labels[task.name][:0]}))


class Trees:
    """Grows the tree models of one task, and predicts with them."""

    def __init__(self, task: str, options: Boosted, encoder: Encoder, training: Training) -> None:
        self.task, self.max_trees, self.encoder = task, options.trees, encoder
        self.lightgbm = lightgbm_for(task)
        self.parameters = {
            "learning_rate": options.learning_rate,
            "num_leaves": options.leaves,
            "num_threads": training.threads,
            "seed": training.seed,
            "deterministic": True,
            "force_row_wise": True,  # otherwise it times both histogram layouts and takes the faster one
            "verbosity": -1,
        }

    def dataset(self, split: EncodedSplit, objective: TreeObjective, reference: Any = None) -> Any:
        """The objective's rows of the split as a LightGBM dataset, binned as in `reference` where there is one."""
        columns = self.columns(split, objective.rows)
        data = self.lightgbm.Dataset(
            columns.values,
            label=objective.labels,
            weight=objective.weights,
            categorical_feature=[index for index, flag in enumerate(columns.categorical) if flag],
            reference=reference,
            params=self.parameters,
        )
        return data.construct()

    def grow(self, data: Any, validation: Any, objective: TreeObjective) -> Any:
        """A model of the dataset, stopped early by its loss on `validation`; with all its trees where that is None."""
        stop = self.lightgbm.early_stopping(PATIENCE, verbose=False)
        try:
            return self.lightgbm.train(
                self.parameters | objective.parameters,
                data,
                num_boost_round=self.max_trees,
                valid_sets=[] if validation is None else [validation],
                callbacks=[] if validation is None else [stop],
            )
        except self.lightgbm.basic.LightGBMError as error:
            raise TrainingError(
                f"training.teachers.{self.task}: LightGBM must be able to learn the labels, found: {error}; drop this "
                "teacher"
            ) from error

    def predict(self, model: Any, split: EncodedSplit, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """(B,) row numbers of the split -> (B, columns) predictions."""
        columns = model.num_model_per_iteration()
        predictions = [np.zeros((0, columns))]
        for start in range(0, len(rows), TREE_CHUNK_ROWS):
            table = self.columns(split, rows[start : start + TREE_CHUNK_ROWS]).values
            chunk = model.predict(table, num_threads=self.parameters["num_threads"])
            predictions.append(chunk.reshape(-1, columns))
        return np.concatenate(predictions)

    def columns(self, split: EncodedSplit, rows: NDArray[np.intp]) -> TreeColumns:
        """(B,) row numbers -> their inputs as columns for the trees."""
        inputs = split.take(torch.from_numpy(rows)).inputs
        return self.encoder.to_columns({name: values.numpy() for name, values in inputs.items()})
