"""Logits of a teacher's probabilities, clipped so that they are finite."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

MIN_PROBABILITY = 1e-6
"""Minimum probability, and minimum distance of the positive probability from 1."""


def log_odds(probabilities: NDArray[Any]) -> NDArray[np.float32]:
    """(...) probabilities of the positive class -> (...) logits of the sigmoid."""
    clipped = np.clip(probabilities.astype(np.float64), MIN_PROBABILITY, 1 - MIN_PROBABILITY)
    return np.asarray(np.log(clipped / (1 - clipped)), dtype=np.float32)


def clipped_log(probabilities: NDArray[Any]) -> NDArray[np.float32]:
    """(rows, classes) probabilities -> (rows, classes) logits of the softmax."""
    return np.asarray(np.log(np.clip(probabilities.astype(np.float64), MIN_PROBABILITY, 1)), dtype=np.float32)
