"""Training: one loop, per-task stopping on a shared model, checkpoints from which it goes on to the same result."""

from mtl_core.training.loop import Epoch, Outcome, train

__all__ = ["Epoch", "Outcome", "train"]
