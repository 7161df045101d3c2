"""Output of the stage `train`: a live table of every task's score, and a summary."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table

from flows.console.bars import bars
from mtl_core.tasks import objectives
from mtl_core.training import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mtl_core.config import Problem
    from mtl_core.data.encoder import Encoder
    from mtl_core.training import Epoch, FinetunedHead, TrainingResult

__all__ = ["LiveTable", "summary"]


class LiveTable(Progress):
    """Row per epoch; each task's best score in bold, the epoch in which it stopped marked."""

    def __init__(self, problem: Problem, encoder: Encoder) -> None:
        self.tasks, self.epochs = objectives(problem.tasks, encoder.tasks), problem.training.epochs
        self.best = {task.name: -math.inf for task in self.tasks}
        self.table = Table(
            title=f"training {problem.name}: each task's metric on validation",
            caption="bold: a new best; ■ stopped; ▶ trains again; ○ held, learning from its own best; · at rest",
            title_justify="left",
            caption_justify="left",
        )
        self.table.add_column("epoch", justify="right")
        for task in self.tasks:
            self.table.add_column(f"{task.name}\n{task.metric.name}", justify="right")
        self.table.add_column("s", justify="right")
        self.progress = bars()
        self.bar = self.progress.add_task("epoch 1", total=None)
        self.view = Group(self.table, self.progress)

    def on_epoch(self, epoch: Epoch) -> None:
        """Add the epoch's row."""
        cells = [self._cell(task.name, epoch) for task in self.tasks]
        self.table.add_row(str(epoch.number), *cells, f"{epoch.seconds:.1f}")
        self.progress.reset(self.bar, description=f"epoch {min(epoch.number + 1, self.epochs)}", total=None)

    def on_step(self, step: int, steps: int) -> None:
        """Move the bar."""
        self.progress.update(self.bar, completed=step, total=steps)

    def on_teacher(self, task: str, step: int, steps: int) -> None:
        """Move the bar while a teacher is trained, before the first epoch."""
        self.progress.update(self.bar, description=f"teacher of {task}", completed=step, total=steps)
        if step == steps:
            self.progress.reset(self.bar, description="epoch 1", total=None)

    def on_finetune(self, head: FinetunedHead) -> None:
        """Move on to the next head."""
        self.progress.reset(self.bar, description=f"heads, after {head.task}", total=None)

    def _cell(self, task: str, epoch: Epoch) -> str:
        text = f"{epoch.values[task]:.4f}"
        if epoch.scores[task] > self.best[task]:
            self.best[task], text = epoch.scores[task], f"[bold]{text}[/bold]"
        if task in epoch.stopped:
            return f"{text} [yellow]■[/yellow]"
        if task in epoch.resumed:
            return f"{text} [green]▶[/green]"
        return f"{text} [dim]{'○' if task in epoch.held else '·' if task in epoch.resting else ' '}[/dim]"


def summary(outcome: TrainingResult) -> Iterator[str]:
    """Line about the whole training, and one about fine-tuned heads where there are any."""
    stops: dict[str, list[str]] = {}
    for epoch in outcome.epochs:
        for task in epoch.stopped:
            stops.setdefault(task, []).append(str(epoch.number))
    yield (
        f"{outcome.parameters:,} parameters, {len(outcome.epochs)} epochs, weights of epoch {outcome.chosen}; stopped: "
        + (", ".join(f"{task} after {' and '.join(numbers)}" for task, numbers in stops.items()) or "none")
    )
    if outcome.refits:
        better = [f"{refit.task} {refit.before:.4g} to {refit.after:.4g}" for refit in outcome.refits if refit.kept]
        others = [refit.task for refit in outcome.refits if not refit.kept]
        yield f"heads fine-tuned: {', '.join(better) or 'none'}; left as they were: {', '.join(others) or 'none'}"
