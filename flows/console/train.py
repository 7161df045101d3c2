"""Output of the stage `train`: every task's score as the training goes on, and a summary."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from rich.live import Live

from flows.console.bars import Bars
from flows.console.scores import ScoreTable
from mtl_core.tasks import objectives
from mtl_core.tasks.calibrated import MIN_LABELS
from mtl_core.tasks.decisions import DEFAULT_THRESHOLD
from mtl_core.training import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

    from rich.console import Console, ConsoleOptions, RenderResult

    from mtl_core.config import Problem
    from mtl_core.config.budget import Budget
    from mtl_core.data.encoder import Encoder
    from mtl_core.training import Epoch, FinetunedHead, TrainingResult
    from mtl_core.training.history import TunedThresholds


class TrainProgress(Progress):
    """Table of scores above a bar on a terminal, in no more lines than it has; elsewhere a line per epoch."""

    def __init__(self, problem: Problem, encoder: Encoder, console: Console) -> None:
        self.console = console
        self.scores = ScoreTable(problem.name, objectives(problem.tasks, encoder.tasks))
        self.bars = Bars(console)
        self.bar = self.bars.add("epoch 1")
        self._live = Live(self, console=console, refresh_per_second=4) if self.bars.live else None
        self._ended = False
        self._began = time.monotonic()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self._ended:
            yield self.scores.fitted(console, options, None)
        else:
            yield self.scores.fitted(console, options, console.height - 1)
            yield self.bars.view

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the whole table."""
        self._ended = True
        if self._live:
            self._live.stop()
        elif error is None:
            self.console.print(self)

    def on_start(self, budget: Budget) -> None:
        """Note the maximum number of epochs."""
        self.scores.max_epochs = budget.epochs
        self._began = time.monotonic()

    def on_epoch(self, epoch: Epoch) -> None:
        """Add the epoch's scores."""
        now = time.monotonic()
        self.scores.add(epoch, now - self._began)
        self._began = now
        self.bars.log(self.scores.words())
        self.bars.restart(self.bar, f"epoch {min(epoch.number + 1, self.scores.max_epochs)}")

    def on_step(self, step: int, steps: int) -> None:
        """Move the bar."""
        self.bars.move(self.bar, step, steps)

    def on_teacher(self, task: str, step: int, steps: int) -> None:
        """Move the bar while a teacher is trained, before the first epoch."""
        self.bars.move(self.bar, step, steps, f"teacher of {task}")
        if step == steps:
            self._began = time.monotonic()
            self.bars.restart(self.bar, "epoch 1")

    def on_finetune(self, head: FinetunedHead) -> None:
        """Move on to the next head."""
        self.bars.restart(self.bar, f"heads, after {head.task}")


def summary(outcome: TrainingResult) -> Iterator[str]:
    """Line about the whole training, and lines about whatever else there is.

    These are tasks that the limit cut short, tasks for which another epoch was clearly better, fine-tuned heads,
    calibrated tasks, and tuned thresholds.
    """
    stops: dict[str, list[str]] = {}
    for epoch in outcome.epochs:
        for task in epoch.stopped:
            stops.setdefault(task, []).append(str(epoch.number))
    members = f" in {outcome.members} members" if outcome.members > 1 else ""
    yield (
        f"{outcome.parameters:,} parameters{members}, {len(outcome.epochs)} epochs, weights of epoch {outcome.chosen}; "
        "stopped: " + (", ".join(f"{task} after {' and '.join(numbers)}" for task, numbers in stops.items()) or "none")
    )
    if outcome.cut_short:
        yield (
            f"the limit of {outcome.budget.epochs} epochs ended training while {', '.join(outcome.cut_short)} still "
            "improved; raise training.epochs"
        )
    if outcome.behind:
        tasks = ", ".join(f"{task} by {deficit:.1f}" for task, deficit in outcome.behind.items())
        yield f"behind the task's own best epoch on validation, in standard errors: {tasks}"
    if outcome.refits:
        better = [f"{refit.task} {refit.before:.4g} to {refit.after:.4g}" for refit in outcome.refits if refit.kept]
        others = [refit.task for refit in outcome.refits if not refit.kept]
        yield f"heads fine-tuned: {', '.join(better) or 'none'}; unchanged: {', '.join(others) or 'none'}"
    calibrated = [
        f"{found.task} {found.log_loss_before:.4g} to {found.log_loss_after:.4g}"
        for found in outcome.calibrations
        if found.method != "identity"
    ]
    if calibrated:
        yield f"calibrated, log loss on validation: {', '.join(calibrated)}"
    if outcome.thresholds:
        tuned = [
            f"{found.task} {_span(found.thresholds)}"
            for found in outcome.thresholds
            if found.untuned < len(found.thresholds)
        ]
        if tuned:
            yield f"thresholds tuned on validation: {', '.join(tuned)}"
        untuned = [_untuned(found) for found in outcome.thresholds if found.untuned]
        if untuned:
            yield (
                f"thresholds left at {DEFAULT_THRESHOLD:g}, because validation has fewer than {MIN_LABELS} positive "
                f"or negative rows: {', '.join(untuned)}"
            )


def _untuned(found: TunedThresholds) -> str:
    """The task, and how many of its labels are meant where it has several."""
    return found.task if len(found.thresholds) == 1 else f"{found.task} ({found.untuned} of {len(found.thresholds)})"


def _span(values: Sequence[float]) -> str:
    """A single number, or the minimum and the maximum of several."""
    low, high = min(values), max(values)
    return f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"
