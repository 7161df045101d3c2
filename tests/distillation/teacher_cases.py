"""A task of every kind that has teachers, with labels that depend on the inputs of the small problem."""

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
class TeacherCase:
    """The task `t` on the inputs of the small problem; a fifth of the rows is unlabelled."""

    task: Objective
    problem: Problem
    encoder: Encoder
    train: EncodedSplit
    validation: EncodedSplit

    def with_labels(self, labels: torch.Tensor) -> EncodedSplit:
        return EncodedSplit(self.train.inputs, {"t": labels}, self.train.weights)

    def with_weights(self, weights: torch.Tensor) -> EncodedSplit:
        return EncodedSplit(self.train.inputs, self.train.labels, {"t": weights})


def teacher_case(small: Small, kind: str) -> TeacherCase:
    train, validation = (_target(split, kind, seed) for seed, split in enumerate((small.train, small.validation)))
    options = task(**KINDS[kind])
    codec = fit_codec(options, train)
    return TeacherCase(
        task=options.objective(codec),
        problem=small.problem.model_copy(update={"tasks": {"t": options}}),
        encoder=small.encoder.model_copy(update={"tasks": (codec,)}),
        train=EncodedSplit(small.train.inputs, {"t": torch.from_numpy(codec.encode(train))}),
        validation=EncodedSplit(small.validation.inputs, {"t": torch.from_numpy(codec.encode(validation))}),
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
