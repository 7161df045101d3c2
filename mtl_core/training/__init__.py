"""Training of a shared network: loop, early stopping per task, checkpoints, fine-tuning of heads."""

from mtl_core.training.history import Epoch, FinetunedHead, TrainingResult
from mtl_core.training.loop import train
from mtl_core.training.progress import Progress

__all__ = ["Epoch", "FinetunedHead", "Progress", "TrainingResult", "train"]
