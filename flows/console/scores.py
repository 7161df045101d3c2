"""Table of every task's score in a training, in the form that fits: a row per epoch, or for many tasks one per task."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.console import Group
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from flows.console.terminal import shortened, shortened_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console, ConsoleOptions

    from mtl_core.tasks import Objective
    from mtl_core.training import Epoch

AROUND = 8
"""Lines of a table besides its rows: title, header, borders, caption."""
MIN_NAME = 12
MARKS = {
    "stopped": ("■", "yellow", "stopped"),
    "resumed": ("▶", "green", "trains again"),
    "distilled": ("○", "dim", "distilled"),
    "paused": ("·", "dim", "paused"),
}
"""Field of an epoch -> mark of its tasks, the mark's style, words for it."""
CAPTION = "bold: new best; ■ stopped; ▶ trains on labels again; ○ distilled from its best epoch; · paused"


class ScoreTable:
    """The epochs so far, each task's best among them."""

    def __init__(self, name: str, tasks: Sequence[Objective], max_epochs: int = 1) -> None:
        self.name, self.tasks, self.max_epochs = name, tasks, max_epochs
        self.epochs: list[Epoch] = []
        self._seconds: list[float] = []
        self._records: list[dict[str, int]] = [{}]

    def add(self, epoch: Epoch, seconds: float) -> None:
        """Append an epoch, and the time that it took."""
        self._seconds.append(seconds)
        best = self._records[-1]
        new = {task.name: len(self.epochs) for task in self.tasks if self._is_best(task.name, epoch)}
        self.epochs.append(epoch)
        self._records.append(best | new)

    def words(self) -> str:
        """The last epoch as a line of a log."""
        epoch, record = self.epochs[-1], self._records[-1]
        cells = []
        for task in self.tasks:
            best = ["best"] if record.get(task.name) == len(self.epochs) - 1 else []
            marks = [words for field, (_, _, words) in MARKS.items() if task.name in getattr(epoch, field)]
            cells.append(" ".join([task.name, task.metric.name, f"{epoch.values[task.name]:.4f}", *best, *marks]))
        return f"epoch {epoch.number} of at most {self.max_epochs}, {self._seconds[-1]:.1f} s: {', '.join(cells)}"

    def fitted(self, console: Console, options: ConsoleOptions, height: int | None) -> Group:
        """Title, table and caption in at most that many lines, as far as its frame allows; None shows everything."""
        rows = None if height is None else max(1, height - AROUND)

        def width(table: Table) -> int:
            return Measurement.get(console, options.update(width=10_000), table).maximum

        epochs = f"epoch {self.epochs[-1].number} of at most {self.max_epochs}" if self.epochs else "epoch 1"
        table = self._by_epoch(rows)
        if width(table) > options.max_width:
            without_names = width(self._by_task(rows, 1)) - 1
            table = self._by_task(rows, max(MIN_NAME, options.max_width - without_names))
        title = f"training {self.name}, {epochs}: validation metrics"
        return Group(Text(title, "italic"), table, Text(CAPTION, "dim"))

    def _by_epoch(self, rows: int | None) -> Table:
        """The last epochs."""
        table = Table()
        table.add_column("epoch", justify="right", no_wrap=True)
        for task in self.tasks:
            table.add_column(f"{task.name}\n{task.metric.name}", justify="right", no_wrap=True)
        table.add_column("s", justify="right", no_wrap=True)
        first = 0 if rows is None or rows >= len(self.epochs) else len(self.epochs) - rows + 1
        if first:
            table.add_row(*["…"] * (len(self.tasks) + 2))
        for index in range(first, len(self.epochs)):
            epoch = self.epochs[index]
            cells = [self._cell(task.name, index) for task in self.tasks]
            table.add_row(str(epoch.number), *cells, f"{self._seconds[index]:.1f}")
        return table

    def _by_task(self, rows: int | None, longest: int) -> Table:
        """The last epoch and the best one of each task; of too many tasks the first ones, of long names both ends."""
        table = Table()
        table.add_column(shortened("task", longest), no_wrap=True)
        for column in ("metric", "now", "best", "in epoch"):
            table.add_column(column, justify="left" if column == "metric" else "right", no_wrap=True)
        shown = self.tasks if rows is None or rows >= len(self.tasks) else self.tasks[: rows - 1]
        names = shortened_names([task.name for task in self.tasks], longest)
        for task, name in zip(shown, names, strict=False):  # some may be hidden
            best = self._records[-1].get(task.name)
            record = ("", "") if best is None else (_value(self.epochs[best], task.name), str(self.epochs[best].number))
            now = self._cell(task.name, len(self.epochs) - 1) if self.epochs else ""
            table.add_row(name, task.metric.name, now, *record)
        if hidden := self.tasks[len(shown) :]:
            table.add_row(shortened(f"… {len(hidden)} more", longest), style="dim")
        return table

    def _cell(self, task: str, index: int) -> Text:
        epoch = self.epochs[index]
        is_best = self._records[index + 1].get(task) == index
        mark, style, _ = next((mark for field, mark in MARKS.items() if task in getattr(epoch, field)), (" ", "", ""))
        return Text.assemble((_value(epoch, task), "bold" if is_best else ""), " ", (mark, style))

    def _is_best(self, task: str, epoch: Epoch) -> bool:
        best = self._records[-1].get(task)
        return epoch.scores[task] > (-math.inf if best is None else self.epochs[best].scores[task])


def _value(epoch: Epoch, task: str) -> str:
    return f"{epoch.values[task]:.4f}"
