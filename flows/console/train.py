"""Output of the stage `train`: the scores of all tasks during training, and a summary."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from rich.live import Live

from flows.console.bars import Bars
from flows.console.scores import ScoreTable
from mtl_core.report.wording import number, number_range, plural
from mtl_core.tasks import objectives
from mtl_core.tasks.calibrated import MIN_LABELS
from mtl_core.tasks.decisions import DEFAULT_THRESHOLD
from mtl_core.training import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console, ConsoleOptions, RenderResult

    from mtl_core.config import Problem
    from mtl_core.config.budget import Budget
    from mtl_core.data.encoder import Encoder
    from mtl_core.training import Epoch, FinetunedHead, TrainingResult
    from mtl_core.training.history import TunedThresholds


class TrainProgress(Progress):
    """On a terminal a table of scores that fits it, above a bar; elsewhere a line per epoch."""

    def __init__(self, problem: Problem, encoder: Encoder, console: Console) -> None:
        self.console = console
        self.scores = ScoreTable(problem.name, objectives(problem.tasks, encoder.tasks))
        self.bars = Bars(console)
        self.bar = self.bars.add("epoch 1")
        self._live = Live(self, console=console, refresh_per_second=4) if self.bars.live else None
        self._ended = False
        self._epoch_start = time.monotonic()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self._ended:
            yield self.scores.fit(console, options, None)
        else:
            yield self.scores.fit(console, options, console.height - 1)
            yield self.bars.view

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._ended = True
        if self._live:
            self._live.stop()
        elif error is None:
            self.console.print(self)

    def on_start(self, budget: Budget) -> None:
        self.scores.max_epochs = budget.epochs
        self._epoch_start = time.monotonic()

    def on_epoch(self, epoch: Epoch) -> None:
        now = time.monotonic()
        self.scores.add(epoch, seconds=now - self._epoch_start)
        self._epoch_start = now
        self.bars.log(self.scores.last_line())
        self.bars.restart(self.bar, f"epoch {min(epoch.number + 1, self.scores.max_epochs)}")

    def on_step(self, step: int, steps: int) -> None:
        self.bars.move(self.bar, step, steps)

    def on_teacher(self, task: str, step: int, steps: int) -> None:
        self.bars.move(self.bar, step, steps, f"teacher of {task}")
        if step == steps:
            self._epoch_start = time.monotonic()
            self.bars.restart(self.bar, "epoch 1")

    def on_finetune(self, head: FinetunedHead) -> None:
        self.bars.restart(self.bar, f"heads, after {head.task}")


def summary(result: TrainingResult) -> Iterator[str]:
    """A line about the training, and lines about what deserves attention.

    These are tasks that the champion taught and could not teach, tasks that the epoch limit cut short, tasks whose best
    epoch was clearly better, fine-tuned heads, calibrated tasks, and tuned thresholds.
    """
    stops: dict[str, list[str]] = {}
    for epoch in result.epochs:
        for task in epoch.stopped:
            stops.setdefault(task, []).append(str(epoch.number))
    members = f" in {result.members} members" if result.members > 1 else ""
    epochs, limit = plural(len(result.epochs), "epoch"), plural(result.budget.epochs, "epoch")
    yield (
        f"{result.parameters:,} parameters{members}, {epochs}, weights of epoch {result.chosen}; "
        "stopped: " + (", ".join(f"{task} after {' and '.join(numbers)}" for task, numbers in stops.items()) or "none")
    )
    if (lessons := result.champion_teacher) is not None:
        if lessons.taught:
            yield f"taught by champion {lessons.champion}: {', '.join(lessons.taught)}"
        for task, reason in lessons.untaught.items():
            yield f"not taught by the champion: {task} learned from its labels alone; {reason}"
    if result.still_improving:
        yield (
            f"the limit of {limit} ended training while {', '.join(result.still_improving)} "
            "still improved; raise training.epochs"
        )
    if result.deficits:
        tasks = ", ".join(f"{task} by {deficit:.1f}" for task, deficit in result.deficits.items())
        yield f"behind the task's own best epoch on validation, in standard errors: {tasks}"
    if result.finetuned_heads:
        tuned = [
            f"{head.task} {number(head.before)} to {number(head.after)}"
            for head in result.finetuned_heads
            if head.improved
        ]
        unchanged = [head.task for head in result.finetuned_heads if not head.improved]
        yield f"heads fine-tuned: {', '.join(tuned) or 'none'}; unchanged: {', '.join(unchanged) or 'none'}"
    calibrated = [
        f"{calibration.task} {number(calibration.log_loss_before)} to {number(calibration.log_loss_after)}"
        for calibration in result.calibrations
        if calibration.method != "identity"
    ]
    if calibrated:
        yield f"calibrated, log loss on validation: {', '.join(calibrated)}"
    thresholds = [
        f"{task.task} {number_range(task.thresholds)}"
        for task in result.thresholds
        if task.untuned < len(task.thresholds)
    ]
    if thresholds:
        yield f"thresholds tuned on validation: {', '.join(thresholds)}"
    if untuned := [_untuned_text(task) for task in result.thresholds if task.untuned]:
        yield (
            f"thresholds left at {DEFAULT_THRESHOLD:g}, because validation has fewer than {MIN_LABELS} positive "
            f"or negative rows: {', '.join(untuned)}"
        )


def _untuned_text(task: TunedThresholds) -> str:
    return task.task if len(task.thresholds) == 1 else f"{task.task} ({task.untuned} of {len(task.thresholds)})"
