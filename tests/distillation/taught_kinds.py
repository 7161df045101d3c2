"""Every kind of task that a teacher can teach, with labels that the inputs of the small problem explain."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from mtl_core.config import Problem
from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.encoder import Encoder
from mtl_core.tasks import Objective
from tests.small import Small
from tests.tasks.declared import fit_codec, task

BANDS: dict[str, Any] = {"edges": [-1, 1], "classes": ["low", "mid", "high"]}
KINDS: dict[str, dict[str, Any]] = {
    "binary": {"kind": "binary", "at_least": 0},
    "binary, weighted": {"kind": "binary", "at_least": 1, "positive_weight": "balanced"},
    "multiclass": {"kind": "multiclass", **BANDS},
    "multilabel": {"kind": "multilabel"},
    "ordinal": {"kind": "ordinal", **BANDS},
    "quantiles": {"kind": "quantiles", "levels": [0.2, 0.5, 0.8]},
    "squared": {"kind": "regression", "loss": "squared"},
    "absolute": {"kind": "regression", "loss": "absolute"},
    "huber": {"kind": "regression", "loss": "huber"},
    "poisson": {"kind": "regression", "loss": "poisson"},
}


@dataclass(frozen=True, kw_only=True)
class Taught:
    """The task `t` of one kind over the inputs of the small problem; a fifth of the rows is unlabelled."""

    task: Objective
    problem: Problem
    encoder: Encoder
    train: EncodedSplit
    validation: EncodedSplit

    def with_labels(self, labels: torch.Tensor) -> EncodedSplit:
        """The training split with other labels."""
        return EncodedSplit(self.train.inputs, {"t": labels}, self.train.weights)

    def with_weights(self, weights: torch.Tensor) -> EncodedSplit:
        """The training split with weights of rows."""
        return EncodedSplit(self.train.inputs, self.train.labels, {"t": weights})


def taught(small: Small, kind: str) -> Taught:
    """The task of that kind, fitted and encoded."""
    train, validation = (_target(split, kind, seed) for seed, split in enumerate((small.train, small.validation)))
    declared = task(**KINDS[kind])
    fitted = fit_codec(declared, train)
    return Taught(
        task=declared.objective(fitted),
        problem=small.problem.model_copy(update={"tasks": {"t": declared}}),
        encoder=small.encoder.model_copy(update={"tasks": (fitted,)}),
        train=EncodedSplit(small.train.inputs, {"t": torch.from_numpy(fitted.encode(train))}),
        validation=EncodedSplit(small.validation.inputs, {"t": torch.from_numpy(fitted.encode(validation))}),
    )


def _target(split: EncodedSplit, kind: str, seed: int) -> pa.Array:
    generator = np.random.default_rng(seed)
    colour, size = split.inputs["categorical"][:, 0].numpy(), split.inputs["numeric"][:, 0].numpy()
    number = size + 0.7 * (colour - colour.mean()) + 0.3 * generator.normal(size=len(split))
    unlabelled = generator.random(len(split)) < 0.2
    if kind == "multilabel":
        return pa.array(_texts(number, size), mask=unlabelled)
    return pa.array(np.floor(np.exp(number / 2)) if kind == "poisson" else number, mask=unlabelled)


def _texts(number: NDArray[np.float64], size: NDArray[np.float32]) -> NDArray[np.object_]:
    names = [("late", number > 0), ("large", size > 0.5), ("odd", number < -1)]
    return np.array(["|".join(["any", *(name for name, has in names if has[row])]) for row in range(len(size))], object)
