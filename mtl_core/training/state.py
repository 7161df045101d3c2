"""The state of a training that changes from epoch to epoch and is stored in a checkpoint."""

from typing import Any

from pydantic import Field
from torch import nn

from mtl_core.config import Problem
from mtl_core.config.budget import Budget
from mtl_core.data.encoder import Encoder
from mtl_core.frozen import Frozen
from mtl_core.model import Network
from mtl_core.training.averaging import WeightAverage
from mtl_core.training.checkpoint import CheckpointStore
from mtl_core.training.epoch import optimizer_of
from mtl_core.training.history import Epoch
from mtl_core.training.selection import best_epoch_of, useful_epochs


class _Record(Frozen, allow_inf_nan=True):
    """The part of a checkpoint without tensors."""

    epochs: tuple[Epoch, ...] = ()
    standard_errors: dict[str, float] = Field(default_factory=dict)
    stopper: dict[str, Any] = Field(default_factory=dict)


class TrainingState:
    """Network, average of its weights, balancer, optimiser, stopper, epochs and standard errors of one training."""

    def __init__(self, problem: Problem, encoder: Encoder, budget: Budget) -> None:
        options = problem.training
        self.network = Network.seeded(problem, encoder, options.seed)
        self.tasks = self.network.objectives
        self.balancer = options.balancing.build_weighted({task.name: task.weight for task in self.tasks})
        self.optimizer = optimizer_of(self.network, self.balancer, options)
        self.average = WeightAverage(self.network) if options.average_weights else None
        starts = {task.name: task.start_epoch for task in self.tasks}
        self.stopper = options.stopping.build(self.network.tasks, starts, patience=budget.patience)
        self.epochs: list[Epoch] = []
        self.standard_errors: dict[str, float] = {}

    @property
    def evaluated(self) -> Network:
        """The network that is evaluated and stored: the average where there is one."""
        return self.average.network if self.average else self.network

    @property
    def scores(self) -> list[dict[str, float]]:
        """The validation scores of each epoch."""
        return [epoch.scores for epoch in self.epochs]

    @property
    def waiting(self) -> tuple[str, ...]:
        """The tasks that start after the next epoch."""
        number = len(self.epochs) + 1
        return tuple(task.name for task in self.tasks if number < task.start_epoch)

    @property
    def paused(self) -> tuple[str, ...]:
        """The tasks that do not train in the next epoch: waiting, or stopped under `freeze`."""
        return (*self.waiting, *self.stopper.paused)

    def teacher_epoch(self, task: str) -> int:
        """The best epoch of a stopped task up to its last stop; the teacher of the task since then."""
        last_stop = max(epoch.number for epoch in self.epochs if task in epoch.stopped)
        return best_epoch_of(task, self.scores[:last_stop])

    def after_step(self) -> None:
        """Update the average after an optimiser step, before gradients are reset."""
        if self.average:
            self.average.update()

    def save(self, store: CheckpointStore) -> None:
        """Store the state after an epoch and its weights, and remove weights that are no longer needed."""
        if self.epochs:
            store.save_epoch(len(self.epochs), self.evaluated)
            store.prune(useful_epochs(self.scores))
        record = _Record(
            epochs=tuple(self.epochs), standard_errors=self.standard_errors, stopper=self.stopper.state_dict()
        )
        store.save(self._modules(), self.optimizer, record.model_dump())

    def restore(self, store: CheckpointStore) -> None:
        """Load the last checkpoint if there is one, otherwise store the initial state.

        Without a stored state, a crash in the first epoch would discard finished teachers.
        """
        record = _Record.model_validate(store.restore(self._modules(), self.optimizer) or {})
        self.stopper.load_state_dict(record.stopper)
        self.epochs, self.standard_errors = list(record.epochs), record.standard_errors
        if not self.epochs:
            self.save(store)

    def _modules(self) -> dict[str, nn.Module]:
        modules: dict[str, nn.Module] = {"network": self.network, "balancing": self.balancer}
        return modules | ({"average": self.average} if self.average else {})
