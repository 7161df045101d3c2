"""Class weights: factors of the rows of a class in a task's loss.

They bias the network: a class with weight 2 is predicted as if it had occurred twice as often. Calibration
(`mtl_core.training.calibration`) removes that bias: it fits on the unweighted validation split, with a bias per class
for tasks with class weights. Probabilities are then those of the data, and the weights only emphasise classes in
training. The bias stays without calibration, and if the task's selected metric measures decisions (accuracy, F1, ...),
which the weights are to move. Metrics are not weighted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator

if TYPE_CHECKING:
    from torch import Tensor

BALANCED: Literal["balanced"] = "balanced"


def _is_weight(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf


def _class_weights(value: Any) -> Any:
    if value is None or value == BALANCED:
        return value
    if not isinstance(value, dict):
        raise ValueError(f"must be `balanced`, or a mapping of classes to weights, found {value!r:.80}")
    for name, weight in value.items():
        if not isinstance(name, str):
            raise ValueError(f"classes are named by text, found {name!r}; quote it")
        if not _is_weight(weight):
            raise ValueError(
                f"a weight is a number above 0, found {weight!r:.80} for {name!r}; 1 leaves a class as it is"
            )
    return value


def _positive_weight(value: Any) -> Any:
    if value is None or value == BALANCED or _is_weight(value):
        return value
    raise ValueError(f"must be `balanced` or a number above 0, found {value!r:.80}")


ClassWeights = Annotated[dict[str, float] | Literal["balanced"] | None, BeforeValidator(_class_weights)]
"""Class -> weight, 1 for a class that is not named; or `balanced`."""
PositiveWeight = Annotated[float | Literal["balanced"] | None, BeforeValidator(_positive_weight)]
"""The weight of a positive row, where a negative one has 1; or `balanced`."""


def balanced_factors(counts: Sequence[int]) -> tuple[float, ...]:
    """Rows per class -> factors that give all classes that occur the same total weight, and a row 1 on average.

    n / (K n_k) (King and Zeng 2001, section 4.2, for classes that are each 1/K of the population).
    """
    rows, present = sum(counts), sum(count > 0 for count in counts)
    return tuple(rows / (present * count) if count else 1.0 for count in counts)


def prior_log_odds(counts: tuple[int, int], factors: tuple[float, ...]) -> float:
    """Log odds of the positive class: counts of negative and positive rows plus half a row, weighted as in the loss."""
    negatives, positives = (count + 0.5 for count in counts)
    negative_factor, positive_factor = factors or (1.0, 1.0)
    return math.log(positives * positive_factor) - math.log(negatives * negative_factor)


def positive_factors(weight: float | Literal["balanced"] | None, counts: tuple[int, int]) -> tuple[float, ...]:
    """Factors of a negative and a positive row, from their counts; empty if every row counts as one."""
    if weight is None:
        return ()
    return balanced_factors(counts) if weight == BALANCED else (1.0, weight)


def weighted_probabilities(probabilities: NDArray[Any], factors: Any) -> NDArray[np.float64]:
    """(..., classes) probabilities of the data, (..., classes) factors -> those that minimise the weighted loss."""
    weighted = probabilities.astype(np.float64) * np.asarray(factors, dtype=np.float64)
    return np.asarray(weighted / weighted.sum(axis=-1, keepdims=True))


def weigh(losses: Tensor, labels: Tensor, factors: tuple[float, ...]) -> Tensor:
    """(B,) losses, (B,) labels from 0, factors per class or an empty tuple -> (B,) weighted losses."""
    if not factors:
        return losses
    import torch

    return losses * torch.tensor(factors, dtype=losses.dtype, device=losses.device)[labels]
