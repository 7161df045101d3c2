"""Teacher: the champion, for less prediction churn (Fard et al., NIPS 2016; Jiang et al., ICLR 2022).

Its exported graph predicts in the user's units and with calibrated probabilities; soft targets are logits of the new
network, with the new mean, scale and classes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtl_core.errors import DataError
from mtl_core.tasks import Objective
from mtl_core.tasks.base import LabelValues
from mtl_core.tasks.calibrated import CalibratedObjective
from mtl_core.tasks.objective import MODEL_KEYS

Predict = Callable[[Sequence[str], Callable[[int, int], None]], dict[str, NDArray[Any]]]
UNCOMPARED = (*MODEL_KEYS, "level", "tokens", "sequence")
"""Keys of an output in signature.json that may differ, or that an objective does not have."""


@dataclass(frozen=True, kw_only=True)
class Champion:
    """A champion as a teacher.

    Attributes:
        version: its version in the store; None if there is none yet.
        digest: that of its files.
        outputs: task -> its entry under `outputs` in signature.json, for the tasks that it can teach.
        untaught: task -> reason, for the tasks that declare it and that it does not teach.
        predict: (tasks, callback with the finished and all rows) -> task -> predictions of the training rows, in the
            user's units: (rows, ...), or (items, ...) for level token.
    """

    version: str | None
    digest: str
    outputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    untaught: Mapping[str, str] = field(default_factory=dict)
    predict: Predict = field(default=lambda tasks, on_rows: {})


def mismatch(task: Objective, output: Mapping[str, Any]) -> str:
    """Difference between the task and another model's entry for it in signature.json; "" if that can teach it."""
    own, key = task.signature(), task.names_key
    for name in dict.fromkeys((*own, *output)):
        if name in (*UNCOMPARED, key) or own.get(name) == output.get(name):
            continue
        return f"its {name} was {output.get(name)!r:.60} and is {own.get(name)!r:.60}"
    if key and not set(own[key]) & set(output.get(key, ())):
        return f"the champion has none of its {key}"
    return ""


def champion_logits(
    task: Objective, output: Mapping[str, Any], predictions: NDArray[Any], labels: LabelValues, *, calibration: bool
) -> NDArray[np.float32]:
    """(n, ...) predictions and labels -> (n, outputs) logits on the scale of the task's loss.

    Args:
        output: the champion's entry for the task in signature.json.
        calibration: True if probabilities are calibrated, which removes the bias of class weights. The loss of the
            labels has it, so the soft targets must have it too. The champion is taken to be trained with the same
            class weights.

    Raises:
        DataError: predictions that are not finite.
    """
    if not np.isfinite(predictions).all():
        raise DataError(
            f"training.teachers.{task.name}: the champion must predict finite numbers for the training rows, found "
            f"{(~np.isfinite(predictions)).sum():,} others; drop this teacher"
        )
    if key := task.names_key:
        names = tuple(output[key])
        if names != tuple(task.signature()[key]):
            predictions = task.aligned(predictions, names, labels)
    if isinstance(task, CalibratedObjective) and task.is_class_weighted and calibration and not task.keeps_bias:
        predictions = task.with_class_weights(predictions)
    return task.to_logits(predictions)
