"""Stage `train`: trains the shared network, with a live table of every task's score."""

import math
import shutil
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as ProgressBar
from rich.table import Table

from flows.layout import Layout
from mtl_core.config import Problem, load_problem
from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.encoder import Encoder
from mtl_core.files import write_text
from mtl_core.tasks import objectives
from mtl_core.training import Epoch, FinetunedHead, Progress, TrainingResult, train
from mtl_core.training.checkpoint import save_weights


class _LiveTable(Progress):
    """One row per epoch; a task's best in bold, the moment it stopped marked."""

    def __init__(self, problem: Problem, encoder: Encoder) -> None:
        self.tasks, self.max_epochs = objectives(problem.tasks, encoder.tasks), problem.training.epochs
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
        columns = (TextColumn("{task.fields[what]}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self.progress = ProgressBar(*columns)
        self.bar = self.progress.add_task("", what="epoch 1", total=None)
        self.view = Group(self.table, self.progress)

    def on_epoch(self, epoch: Epoch) -> None:
        """Adds the epoch's row."""
        cells = [self._cell(task.name, epoch) for task in self.tasks]
        self.table.add_row(str(epoch.number), *cells, f"{epoch.seconds:.1f}")
        self.progress.reset(self.bar, what=f"epoch {min(epoch.number + 1, self.max_epochs)}", total=None)

    def on_step(self, step: int, steps: int) -> None:
        """Moves the bar."""
        self.progress.update(self.bar, completed=step, total=steps)

    def on_teacher(self, task: str, step: int, steps: int) -> None:
        """Moves the bar while a teacher is made, before the first epoch."""
        self.progress.update(self.bar, what=f"teacher of {task}", completed=step, total=steps)
        if step == steps:
            self.progress.reset(self.bar, what="epoch 1", total=None)

    def on_finetune(self, head: FinetunedHead) -> None:
        """Moves on to the next head."""
        self.progress.reset(self.bar, what=f"heads, after {head.task}", total=None)

    def _cell(self, task: str, epoch: Epoch) -> str:
        text = f"{epoch.values[task]:.4f}"
        if epoch.scores[task] > self.best[task]:
            self.best[task], text = epoch.scores[task], f"[bold]{text}[/bold]"
        if task in epoch.stopped:
            return f"{text} [yellow]■[/yellow]"
        if task in epoch.resumed:
            return f"{text} [green]▶[/green]"
        return f"{text} [dim]{'○' if task in epoch.held else '·' if task in epoch.resting else ' '}[/dim]"


def run(folder: Path) -> None:
    """Writes artifacts/training: the weights, the history and a curve per task."""
    layout, problem = Layout(folder), load_problem(folder)
    encoder = Encoder.load(layout.encoder)
    splits = [EncodedSplit.open(layout.encoded / name, encoder) for name in ("train", "validation")]
    view = _LiveTable(problem, encoder)
    console = Console()
    with Live(view.view, console=console, refresh_per_second=4, transient=not console.is_terminal):
        network, outcome = train(problem, encoder, splits[0], splits[1], layout.resume, view)
    if not console.is_terminal:
        console.print(view.table)
    save_weights(layout.weights, network.state_dict())
    write_text(layout.history, outcome.model_dump_json(indent=1))
    _write_curves(layout.training / "plots", outcome)
    shutil.rmtree(layout.resume)
    for line in summary(outcome):
        print(line)


def summary(outcome: TrainingResult) -> Iterator[str]:
    """A line on the whole training, and one on the refitted heads where there are any."""
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
        yield f"heads refitted: {', '.join(better) or 'none'}; left as they were: {', '.join(others) or 'none'}"


def _write_curves(folder: Path, outcome: TrainingResult) -> None:
    for task in outcome.standard_errors:
        lines = [f"{epoch.number},{epoch.values[task]}" for epoch in outcome.epochs]
        write_text(folder / f"{task}.csv", "\n".join(["epoch,score", *lines]) + "\n")
