"""Progress callbacks of a study."""

from mtl_core.training import Epoch, Progress


class StudyProgress:
    """Callbacks of a study, which by default do nothing."""

    def on_part(self, description: str, number: int, parts: int) -> None:
        """Called at the start of every part, with its number from 0 and the number of all."""

    def on_epoch(self, training: str, epoch: Epoch) -> None:
        """Called after every epoch, with the name of its training."""

    def on_step(self, step: int, steps: int) -> None:
        """Called after every step of an epoch, or after the trees of a task."""


class TrainingProgress(Progress):
    """Progress of one training of a study, reported under its name."""

    def __init__(self, training: str, progress: StudyProgress) -> None:
        self._training, self._progress = training, progress

    def on_epoch(self, epoch: Epoch) -> None:
        self._progress.on_epoch(self._training, epoch)

    def on_step(self, step: int, steps: int) -> None:
        self._progress.on_step(step, steps)
