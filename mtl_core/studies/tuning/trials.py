"""A trial: the declared problem with other options, trained and evaluated on validation."""

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from mtl_core.config import Problem, parse_problem
from mtl_core.config.budget import budget_of
from mtl_core.config.changes import get_option, set_options, to_document
from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.encoder import Encoder
from mtl_core.errors import TrainingError, TrunklineError
from mtl_core.numbers import Number, defined
from mtl_core.studies.progress import NamedProgress
from mtl_core.studies.tuning.record import Baseline, Trial, baseline_of, gains, mean_gain
from mtl_core.tasks import objectives
from mtl_core.training import Epoch, TrainingResult, train


class EndedEarly(Exception):
    """Raised out of the training of a pruned trial."""


@dataclass
class TrialProgress:
    """The epochs of a trial under way."""

    baseline: Baseline
    max_epochs: int
    """Maximum number of its epochs."""
    last: int = 0
    best: int | None = None
    reached: Number = None
    """The mean gain of its best epoch."""
    values: dict[str, Number] = field(default_factory=dict)
    """Validation metrics of its best epoch."""

    def add(self, epoch: Epoch) -> None:
        """Count an epoch."""
        values = {task: defined(value) for task, value in epoch.values.items()}
        self.last, now = epoch.number, mean_gain(self.baseline, values)
        if now is not None and (self.reached is None or now > self.reached):
            self.best, self.reached, self.values = epoch.number, now, values


@dataclass(frozen=True, kw_only=True)
class TrialRunner:
    """Trains trials: the declared problem, its rows, and a folder for checkpoints."""

    problem: Problem
    encoder: Encoder
    train: EncodedSplit
    validation: EncodedSplit
    folder: Path
    watch: Callable[[int, Epoch], None] = lambda number, epoch: None
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

    def measure_declared(self) -> tuple[Trial, Baseline, list[Epoch]]:
        """Trial 0, the baseline that it gives, and its epochs; TrainingError where no task has a defined metric."""
        began = time.process_time()
        outcome = self._trained(self.problem, 0, lambda epoch: None)
        baseline = baseline_of(objectives(self.problem.tasks, self.encoder.tasks), outcome)
        if not gains(baseline, {}):
            raise TrainingError(
                "trial 0: one task at least must have a metric that is defined on validation, found none; "
                "put labelled rows into the validation split"
            )
        values = {task: measure.value for task, measure in baseline.items()}
        trial = _complete(0, self.declared, baseline, values, outcome, time.process_time() - began)
        return trial, baseline, list(outcome.epochs)

    def run(
        self,
        number: int,
        changes: Mapping[str, Any],
        baseline: Baseline,
        after_epoch: Callable[[TrialProgress], None] = lambda course: None,
    ) -> Trial:
        """The trial with those changes, complete, pruned where `after_epoch` raises EndedEarly, or failed in words."""
        began, course = time.process_time(), TrialProgress(baseline, self._epochs(self.problem))

        def on_epoch(epoch: Epoch) -> None:
            course.add(epoch)
            after_epoch(course)

        document, taken = to_document(self.problem), dict(changes)
        try:
            taken = set_options(document, Problem, changes)
            own = parse_problem(document, source="its options")
            course.max_epochs = self._epochs(own)
            outcome = self._trained(own, number, on_epoch)
            values = {task: defined(outcome.final(task)) for task in baseline}
            for task, gain in gains(baseline, values).items():
                if gain is None:
                    raise TrainingError(
                        f"{task}: {baseline[task].metric} must be defined on validation, found that it is not in the "
                        f"model, which is of epoch {outcome.chosen}"
                    )
            return _complete(number, taken, baseline, values, outcome, time.process_time() - began)
        except EndedEarly:
            return Trial(
                number=number,
                state="pruned",
                changes=taken,
                objective=course.reached,
                worst=_worst(baseline, course.values),
                values=course.values,
                epochs=course.last,
                chosen=course.best,
                seconds=time.process_time() - began,
            )
        except TrunklineError as error:
            return Trial(
                number=number,
                state="failed",
                changes=taken,
                epochs=course.last,
                seconds=time.process_time() - began,
                why=str(error),
            )

    def _epochs(self, problem: Problem) -> int:
        """Maximum epochs of a trial."""
        return budget_of(problem.training, len(self.train)).epochs

    def _trained(self, problem: Problem, number: int, on_epoch: Callable[[Epoch], None]) -> TrainingResult:
        """Train in a temporary folder; the weights are not kept."""
        scratch = self.folder / f"trial-{number}"

        def on_any_epoch(_: str, epoch: Epoch) -> None:
            self.watch(number, epoch)
            on_epoch(epoch)

        try:
            progress = NamedProgress("", on_any_epoch)
            return train(problem, self.encoder, self.train, self.validation, scratch, progress)[1]
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def _complete(
    number: int,
    changes: Mapping[str, Any],
    baseline: Baseline,
    values: Mapping[str, Number],
    outcome: TrainingResult,
    seconds: float,
) -> Trial:
    return Trial(
        number=number,
        state="complete",
        changes=dict(changes),
        objective=mean_gain(baseline, values),
        worst=_worst(baseline, values),
        values=dict(values),
        epochs=len(outcome.epochs),
        chosen=outcome.chosen,
        seconds=seconds,
    )


def _worst(baseline: Baseline, values: Mapping[str, Number]) -> Number:
    return min((gain for gain in gains(baseline, values).values() if gain is not None), default=None)
