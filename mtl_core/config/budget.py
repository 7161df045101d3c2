"""Training budget: batch size, epochs, steps and patience by default, from the number of training rows.

The number of steps, not of passes over the rows, decides how far a network is trained. A small table therefore gets
small batches and many passes, a large table large batches and few passes.
"""

import math
from typing import TYPE_CHECKING

from mtl_core.frozen import Frozen

if TYPE_CHECKING:
    from mtl_core.config.training import Training

MIN_BATCH, MAX_BATCH = 32, 2048
DEFAULT_STEPS, PASSES = 4000, 40
"""The maximum number of steps is DEFAULT_STEPS, or PASSES passes over the rows where these are more steps."""
MIN_STEPS_PER_EPOCH = 20
"""Minimum steps between two evaluations, since an evaluation costs as much as some steps."""
EVALUATIONS = 100
"""Minimum evaluations within the maximum number of steps, up to rounding."""
PATIENCE, MIN_PATIENCE = 0.05, 3
"""Patience as a share of the maximum number of epochs, and its minimum in epochs."""


class Budget(Frozen):
    """Batch size, steps and patience of one training."""

    batch_size: int
    steps_per_epoch: int
    """Steps between two evaluations; the next epoch goes on in the pass over the rows where the last one ended."""
    epochs: int
    """Maximum number."""
    patience: int
    """Epochs without an improvement after which a task stops that declares no patience."""


def budget_of(training: "Training", rows: int) -> Budget:
    """The declared numbers, with defaults for the others that depend on the number of training rows.

    >>> from mtl_core.config import Training
    >>> budget_of(Training(), rows=5_000)
    Budget(batch_size=128, steps_per_epoch=40, epochs=100, patience=5)
    >>> budget_of(Training(epochs=20), rows=5_000).epochs
    20
    """
    batch_size = training.batch_size or _batch_size(rows)
    steps_per_pass = math.ceil(rows / batch_size)
    steps = max(DEFAULT_STEPS, PASSES * steps_per_pass)
    per_epoch = training.steps_per_epoch or steps_per_pass
    if not (training.steps_per_epoch or training.epochs):
        per_epoch = min(max(per_epoch, MIN_STEPS_PER_EPOCH), math.ceil(steps / EVALUATIONS))
    epochs = training.epochs or math.ceil(steps / per_epoch)
    patience = training.stopping.patience or max(MIN_PATIENCE, round(PATIENCE * epochs))
    return Budget(batch_size=batch_size, steps_per_epoch=per_epoch, epochs=epochs, patience=patience)


def _batch_size(rows: int) -> int:
    """A power of two: 1/32 of the rows of a small table; for a large table proportional to their square root."""
    size = min(max(rows / 32, 1.0), 3 * math.sqrt(rows))
    return min(MAX_BATCH, max(MIN_BATCH, 1 << round(math.log2(size))))
