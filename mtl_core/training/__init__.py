"""Training: one loop, per-task stopping on a shared model, checkpoints from which it resumes to the same result."""

from mtl_core.training.history import Epoch, FinetunedHead, TrainingResult
from mtl_core.training.loop import train
from mtl_core.training.progress import Progress

__all__ = ["Epoch", "FinetunedHead", "Progress", "TrainingResult", "train"]
