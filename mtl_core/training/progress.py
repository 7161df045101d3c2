"""Progress callbacks of a training."""

from mtl_core.config.budget import Budget
from mtl_core.training.history import Epoch, FinetunedHead


class Progress:
    """Callbacks that do nothing."""

    def on_start(self, budget: Budget) -> None:
        """Called before everything else."""

    def on_teacher(self, task: str, step: int, steps: int) -> None:
        """Called before the first epoch, with the finished steps of a task's teacher and the number of all steps."""

    def on_step(self, step: int, steps: int) -> None:
        """Called after every optimiser step of an epoch, and after every epoch of a head that is fine-tuned."""

    def on_epoch(self, epoch: Epoch) -> None:
        """Called after every epoch; a resumed training first calls it for each epoch of the checkpoint."""

    def on_finetune(self, head: FinetunedHead) -> None:
        """Called after the fine-tuning of a head."""
