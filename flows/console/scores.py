"""Table of every task's score in a training: a row per epoch or, if that is too wide, a row per task."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.console import Group
from rich.measure import Measurement
from rich.table import Column, Table
from rich.text import Text

from flows.console.terminal import shorten, shorten_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console, ConsoleOptions

    from mtl_core.tasks import Objective
    from mtl_core.training import Epoch

FRAME_LINES = 8
"""Lines of a table besides its rows: title, header, borders, caption."""
MIN_NAME_LENGTH = 12
MARKS = {
    "stopped": ("■", "yellow", "stopped"),
    "resumed": ("▶", "green", "trains again"),
    "distilled": ("○", "dim", "distilled"),
    "paused": ("·", "dim", "paused"),
}
"""Field of an epoch -> mark of the tasks in it, style of the mark, its meaning."""
CAPTION = "bold: new best; ■ stopped; ▶ trains on labels again; ○ distilled from its best epoch; · paused"


class ScoreTable:
    """Scores of the epochs so far, and the best epoch of each task."""

    def __init__(self, name: str, tasks: Sequence[Objective], max_epochs: int = 1) -> None:
        self.name, self.tasks, self.max_epochs = name, tasks, max_epochs
        self.epochs: list[Epoch] = []
        self._seconds: list[float] = []
        self._improved: dict[str, list[int]] = {task.name: [] for task in tasks}
        """Task -> indices of the epochs that improved its score."""

    def add(self, epoch: Epoch, seconds: float) -> None:
        """Append an epoch and its duration."""
        for task, indices in self._improved.items():
            best = self.epochs[indices[-1]].scores[task] if indices else -math.inf
            if epoch.scores[task] > best:
                indices.append(len(self.epochs))
        self.epochs.append(epoch)
        self._seconds.append(seconds)

    def last_line(self) -> str:
        """The last epoch as a line of a log."""
        epoch = self.epochs[-1]
        scores = []
        for task in self.tasks:
            best = ["best"] if len(self.epochs) - 1 in self._improved[task.name] else []
            marks = [meaning for field, (_, _, meaning) in MARKS.items() if task.name in getattr(epoch, field)]
            scores.append(" ".join([task.name, task.metric.name, _value(epoch, task.name), *best, *marks]))
        return f"epoch {epoch.number} of at most {self.max_epochs}, {self._seconds[-1]:.1f} s: {', '.join(scores)}"

    def fit(self, console: Console, options: ConsoleOptions, height: int | None) -> Group:
        """Title, table and caption in at most that many lines, but at least one row; None shows everything."""
        rows = None if height is None else max(1, height - FRAME_LINES)

        def width(table: Table) -> int:
            return Measurement.get(console, options.update(width=10_000), table).maximum

        epochs = f"epoch {self.epochs[-1].number} of at most {self.max_epochs}" if self.epochs else "epoch 1"
        table = self._by_epoch(rows)
        if width(table) > options.max_width:
            width_without_names = width(self._by_task(rows, name_length=1)) - 1
            table = self._by_task(rows, max(MIN_NAME_LENGTH, options.max_width - width_without_names))
        title = f"training {self.name}, {epochs}: validation metrics"
        return Group(Text(title, "italic"), table, Text(CAPTION, "dim"))

    def _by_epoch(self, rows: int | None) -> Table:
        """A row per epoch; the last ones if there are too many."""
        headers = ("epoch", *(f"{task.name}\n{task.metric.name}" for task in self.tasks), "s")
        table = Table(*(Column(header, justify="right", no_wrap=True) for header in headers))
        first = 0 if rows is None or rows >= len(self.epochs) else len(self.epochs) - rows + 1
        if first:
            table.add_row(*["…"] * (len(self.tasks) + 2))
        for index in range(first, len(self.epochs)):
            epoch = self.epochs[index]
            cells = [self._cell(task.name, index) for task in self.tasks]
            table.add_row(str(epoch.number), *cells, f"{self._seconds[index]:.1f}")
        return table

    def _by_task(self, rows: int | None, name_length: int) -> Table:
        """A row per task with its last and its best epoch; the first tasks if there are too many."""
        names = (Column(header, no_wrap=True) for header in (shorten("task", name_length), "metric"))
        numbers = (Column(header, justify="right", no_wrap=True) for header in ("now", "best", "in epoch"))
        table = Table(*names, *numbers)
        shown = self.tasks if rows is None or rows >= len(self.tasks) else self.tasks[: rows - 1]
        short_names = shorten_names([task.name for task in self.tasks], name_length)
        for task, name in zip(shown, short_names, strict=False):  # some may be hidden
            best = [self.epochs[index] for index in self._improved[task.name][-1:]]
            cells = (_value(best[0], task.name), str(best[0].number)) if best else ("", "")
            now = self._cell(task.name, len(self.epochs) - 1) if self.epochs else ""
            table.add_row(name, task.metric.name, now, *cells)
        if hidden := self.tasks[len(shown) :]:
            table.add_row(shorten(f"… {len(hidden)} more", name_length), style="dim")
        return table

    def _cell(self, task: str, index: int) -> Text:
        epoch = self.epochs[index]
        is_best = index in self._improved[task]
        mark, style, _ = next((mark for field, mark in MARKS.items() if task in getattr(epoch, field)), (" ", "", ""))
        return Text.assemble((_value(epoch, task), "bold" if is_best else ""), " ", (mark, style))


def _value(epoch: Epoch, task: str) -> str:
    return f"{epoch.values[task]:.4f}"
