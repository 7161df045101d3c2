"""Progress of the trainings of a study, each under its name."""

from collections.abc import Callable

from mtl_core.training import Epoch, Progress


class NamedProgress(Progress):
    """Passes the epochs of one training on with its name, and its steps as they are."""

    def __init__(
        self,
        name: str,
        on_epoch: Callable[[str, Epoch], None],
        on_step: Callable[[int, int], None] = lambda step, steps: None,
    ) -> None:
        self._name, self._on_epoch, self._on_step = name, on_epoch, on_step

    def on_epoch(self, epoch: Epoch) -> None:
        self._on_epoch(self._name, epoch)

    def on_step(self, step: int, steps: int) -> None:
        self._on_step(step, steps)
