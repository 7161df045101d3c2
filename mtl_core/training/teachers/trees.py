"""LightGBM on encoded inputs, repeatable to the bit on one machine. The only module that knows it."""

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
from mtl_core.training.teachers.forests import Forest

__all__ = ["Trees", "lightgbm_for"]

PATIENCE = 20
"""Trees without a better loss on validation after which no more are grown."""
ROWS = 65_536
"""Of one call that predicts."""


def lightgbm_for(task: str) -> ModuleType:
    """LightGBM, which nothing else needs; ProblemError where it is not installed."""
    try:
        import lightgbm
    except (ImportError, OSError) as error:  # OSError where it does not find the OpenMP library
        raise ProblemError(
            f'training.teachers.{task}: `boosted` needs LightGBM, found: {error}; pip install "trunkline[boosted]", '
            "or drop this teacher"
        ) from None
    module: ModuleType = lightgbm
    return module


class Trees:
    """Grows the models of one task's teacher, and asks them."""

    def __init__(self, task: str, options: Boosted, encoder: Encoder, training: Training) -> None:
        self.task, self.most, self.encoder = task, options.trees, encoder
        self.lightgbm = lightgbm_for(task)
        self.parameters = {
            "learning_rate": options.learning_rate,
            "num_leaves": options.leaves,
            "num_threads": training.threads,
            "seed": training.seed,
            "deterministic": True,
            "force_row_wise": True,  # else it times both ways of counting, and takes the faster one
            "verbosity": -1,
        }

    def dataset(self, split: EncodedSplit, forest: Forest, reference: Any = None) -> Any:
        """The forest's rows of the split as LightGBM keeps them, binned as in `reference` where there is one."""
        columns = self._columns(split, forest.rows)
        data = self.lightgbm.Dataset(
            columns.values,
            label=forest.labels,
            weight=forest.weights,
            categorical_feature=[place for place, flag in enumerate(columns.categorical) if flag],
            reference=reference,
            params=self.parameters,
        )
        return data.construct()

    def grow(self, data: Any, check: Any, objective: dict[str, Any]) -> Any:
        """A model of the dataset, stopped by its loss on `check`; of all its trees where that is None."""
        stop = self.lightgbm.early_stopping(PATIENCE, verbose=False)
        try:
            return self.lightgbm.train(
                self.parameters | objective,
                data,
                num_boost_round=self.most,
                valid_sets=[] if check is None else [check],
                callbacks=[] if check is None else [stop],
            )
        except self.lightgbm.basic.LightGBMError as error:
            raise TrainingError(
                f"training.teachers.{self.task}: LightGBM must be able to learn the labels, found: {error}; drop this "
                "teacher"
            ) from error

    def ask(self, model: Any, split: EncodedSplit, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """(B,) numbers of rows of the split -> (B, columns) predictions."""
        columns = model.num_model_per_iteration()
        found = [np.zeros((0, columns))]
        for start in range(0, len(rows), ROWS):
            table = self._columns(split, rows[start : start + ROWS]).values
            predicted = model.predict(table, num_threads=self.parameters["num_threads"])
            found.append(predicted.reshape(-1, columns))
        return np.concatenate(found)

    def _columns(self, split: EncodedSplit, rows: NDArray[np.intp]) -> TreeColumns:
        """(B,) row numbers -> what the trees see of them."""
        inputs = split.take(torch.from_numpy(rows)).inputs
        return self.encoder.to_columns({name: values.numpy() for name, values in inputs.items()})
