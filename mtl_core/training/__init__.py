"""Training: one loop, per-task stopping on a shared model, checkpoints from which it goes on to the same result."""

from mtl_core.training.history import Epoch, Outcome, Refit
from mtl_core.training.loop import train

__all__ = ["Epoch", "Outcome", "Refit", "train"]
