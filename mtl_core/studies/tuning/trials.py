"""A trial: the declared problem with other options, trained and evaluated on validation."""

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from mtl_core.config import Problem, parse_problem
from mtl_core.config.budget import budget_of
from mtl_core.config.changes import get_option, set_options, to_document
from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.encoder import Encoder
from mtl_core.errors import TrainingError, TrunklineError
from mtl_core.numbers import Number, finite_or_none
from mtl_core.studies.tuning.record import Baseline, Trial, baseline_of, gains, mean_gain
from mtl_core.tasks import objectives
from mtl_core.training import Epoch, Progress, TrainingResult, train


class Pruned(Exception):  # control flow, not an error
    """Raised in a callback to end the training of a trial."""


@dataclass
class TrialProgress:
    """Progress of a trial: its last and its best epoch."""

    baseline: Baseline
    max_epochs: int
    last_epoch: int = 0
    best_epoch: int | None = None
    best_objective: Number = None
    best_values: dict[str, Number] = field(default_factory=dict)
    """Task -> its metric on validation after the best epoch."""

    def add(self, epoch: Epoch) -> None:
        """Record an epoch."""
        values = {task: finite_or_none(value) for task, value in epoch.values.items()}
        self.last_epoch, objective = epoch.number, mean_gain(self.baseline, values)
        if objective is not None and (self.best_objective is None or objective > self.best_objective):
            self.best_epoch, self.best_objective, self.best_values = epoch.number, objective, values


@dataclass(frozen=True, kw_only=True)
class TrialRunner:
    """Trains trials: the declared problem, its rows, and a folder for scratch files."""

    problem: Problem
    encoder: Encoder
    train: EncodedSplit
    validation: EncodedSplit
    folder: Path
    on_epoch: Callable[[int, Epoch], None] = lambda number, epoch: None
    """Callback after every epoch of a trial, with the trial's number."""

    @classmethod
    def open(cls, problem: Problem, encoded: Path, folder: Path) -> "TrialRunner":
        """A runner on the rows that the stage `prepare` wrote."""
        encoder = Encoder.load(encoded / "encoder.json")
        train_split, validation = (EncodedSplit.open(encoded / name, encoder) for name in ("train", "validation"))
        return cls(problem=problem, encoder=encoder, train=train_split, validation=validation, folder=folder)

    @cached_property
    def declared(self) -> dict[str, Any]:
        """Path -> declared value of every tuned option."""
        assert self.problem.tuning is not None
        return {path: get_option(self.problem, path) for path in self.problem.tuning.space}

    def run_declared(self) -> tuple[Trial, Baseline, list[Epoch]]:
        """Trial 0, its baseline, and its epochs; TrainingError if no task has a defined metric."""
        start = time.process_time()
        result = self._train(self.problem, 0, lambda epoch: None)
        baseline = baseline_of(objectives(self.problem.tasks, self.encoder.tasks), result)
        if not gains(baseline, {}):
            raise TrainingError(
                "trial 0: at least one task must have a metric that is defined on validation, found none; "
                "put labelled rows into the validation split"
            )
        values = {task: measure.value for task, measure in baseline.items()}
        trial = _trial("complete", 0, self.declared, baseline, values, len(result.epochs), result.chosen, start)
        return trial, baseline, list(result.epochs)

    def run(
        self,
        number: int,
        changes: Mapping[str, Any],
        baseline: Baseline,
        after_epoch: Callable[[TrialProgress], None] = lambda progress: None,
    ) -> Trial:
        """The trial with those changes: complete, pruned if `after_epoch` raises Pruned, or failed with its error."""
        start, progress = time.process_time(), TrialProgress(baseline, self._max_epochs(self.problem))

        def on_epoch(epoch: Epoch) -> None:
            progress.add(epoch)
            after_epoch(progress)

        document, changed = to_document(self.problem), dict(changes)
        try:
            changed = set_options(document, Problem, changes)
            problem = parse_problem(document, source="its options")
            progress.max_epochs = self._max_epochs(problem)
            result = self._train(problem, number, on_epoch)
            values = {task: finite_or_none(result.final(task)) for task in baseline}
            for task, gain in gains(baseline, values).items():
                if gain is None:
                    raise TrainingError(
                        f"{task}: {baseline[task].metric} must be defined on validation, found it undefined for the "
                        f"model, which is of epoch {result.chosen}"
                    )
            return _trial("complete", number, changed, baseline, values, len(result.epochs), result.chosen, start)
        except Pruned:
            values, epochs, best = progress.best_values, progress.last_epoch, progress.best_epoch
            return _trial("pruned", number, changed, baseline, values, epochs, best, start)
        except TrunklineError as error:
            return Trial(
                number=number,
                state="failed",
                changes=changed,
                epochs=progress.last_epoch,
                seconds=time.process_time() - start,
                error=str(error),
            )

    def _max_epochs(self, problem: Problem) -> int:
        return budget_of(problem.training, len(self.train)).epochs

    def _train(self, problem: Problem, number: int, on_epoch: Callable[[Epoch], None]) -> TrainingResult:
        """Train in a scratch folder, which is removed with the weights."""
        runner, scratch = self, self.folder / f"trial-{number}"

        class Callbacks(Progress):
            def on_epoch(self, epoch: Epoch) -> None:
                runner.on_epoch(number, epoch)
                on_epoch(epoch)

        try:
            return train(problem, self.encoder, self.train, self.validation, scratch, Callbacks())[1]
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def _trial(
    state: Literal["complete", "pruned"],
    number: int,
    changes: Mapping[str, Any],
    baseline: Baseline,
    values: Mapping[str, Number],
    epochs: int,
    chosen: int | None,
    start: float,
) -> Trial:
    """The trial with those values on validation; `start` is the processor time at which it started."""
    return Trial(
        number=number,
        state=state,
        changes=dict(changes),
        objective=mean_gain(baseline, values),
        worst=min((gain for gain in gains(baseline, values).values() if gain is not None), default=None),
        values=dict(values),
        epochs=epochs,
        chosen=chosen,
        seconds=time.process_time() - start,
    )
