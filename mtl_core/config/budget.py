"""The training budget: what `training` leaves open, from the number of training rows.

Steps, not passes over the rows, decide how far a network gets. A small table therefore gets small batches and many
passes, a large one large batches and few passes.
"""

import math
from typing import TYPE_CHECKING

from mtl_core.frozen import Frozen

if TYPE_CHECKING:
    from mtl_core.config.training import Training

MIN_BATCH, MAX_BATCH = 32, 2048
MIN_STEPS, PASSES = 4000, 40
"""The maximum number of steps is MIN_STEPS, or that of PASSES passes over the rows where these are more."""
MIN_EPOCH = 20
"""Minimum steps between two evaluations, since an evaluation costs as much as some steps."""
EVALUATIONS = 100
"""Minimum evaluations within the maximum number of steps, up to rounding."""
PATIENCE, MIN_PATIENCE = 0.05, 3
"""Patience as a share of the maximum number of epochs, and its minimum in epochs."""


class Budget(Frozen):
    """Batch size, steps and patience of one training."""

    batch_size: int
    steps_per_epoch: int
    """Steps between two evaluations; the passes over the rows follow each other, whatever the length of an epoch."""
    epochs: int
    """Maximum number."""
    patience: int
    """Epochs without an improvement after which a task without a patience of its own stops."""


def budget_of(training: "Training", rows: int) -> Budget:
    """The declared numbers, and for those that are not declared the defaults for so many training rows.

    >>> from mtl_core.config import Training
    >>> budget_of(Training(), rows=5_000)
    Budget(batch_size=128, steps_per_epoch=40, epochs=100, patience=5)
    >>> budget_of(Training(epochs=20), rows=5_000).epochs
    20
    """
    batch_size = training.batch_size or _batch_size(rows)
    steps_per_pass = math.ceil(rows / batch_size)
    steps = max(MIN_STEPS, PASSES * steps_per_pass)
    per_epoch = training.steps_per_epoch or steps_per_pass
    if not (training.steps_per_epoch or training.epochs):
        per_epoch = min(max(per_epoch, MIN_EPOCH), math.ceil(steps / EVALUATIONS))
    epochs = training.epochs or math.ceil(steps / per_epoch)
    patience = training.stopping.patience or max(MIN_PATIENCE, round(PATIENCE * epochs))
    return Budget(batch_size=batch_size, steps_per_epoch=per_epoch, epochs=epochs, patience=patience)


def _batch_size(rows: int) -> int:
    """A power of two: a 32nd of the rows of a small table, and of a large one in proportion to their square root."""
    size = min(max(rows / 32, 1.0), 3 * math.sqrt(rows))
    return min(MAX_BATCH, max(MIN_BATCH, 1 << round(math.log2(size))))
