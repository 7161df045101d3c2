"""Output of `mtl relate`: its progress, and its result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from flows.console.bars import Bars
from flows.console.terminal import open_console
from mtl_core.report.studies.relatedness import decimals_of
from mtl_core.report.wording import NOTHING, rounded
from mtl_core.studies.progress import StudyProgress

if TYPE_CHECKING:
    from mtl_core.studies.relatedness.record import Relatedness
    from mtl_core.training import Epoch

_WORDS = {"joint": "the declared trunk", "vectors": "task vectors"}


class RelateProgress(Bars, StudyProgress):
    """Bar on stderr: steps of the epoch under way."""

    def __init__(self, epochs: int) -> None:
        super().__init__(open_console(stderr=True), transient=True)
        self.epochs = epochs
        self.bar = self.add(self._words("joint", 1))

    def on_epoch(self, training: str, epoch: Epoch) -> None:
        self.restart(self.bar, self._words(training, min(epoch.number + 1, self.epochs)))

    def on_step(self, step: int, steps: int) -> None:
        self.move(self.bar, step, steps)

    def _words(self, training: str, epoch: int) -> str:
        return f"{_WORDS[training]}: epoch {epoch} of at most {self.epochs}"


def print_relatedness(found: Relatedness, networks: int | None) -> None:
    """Affinities, then the best partition for each number of networks; that into `networks` is marked."""
    console = open_console()
    console.print(_affinities(found))
    console.print(_groupings(found, networks))


def _affinities(found: Relatedness) -> Table:
    """Percent, with two digits of the largest between two tasks."""
    table = Table(
        title="affinity: effect of a gradient step for the row's task on the loss of the column's task, in percent",
        title_justify="left",
        title_style="bold",
        caption=f"above 0: it helps; mean of {found.probes:,} measurements on one batch each",
        caption_justify="left",
    )
    table.add_column("source", overflow="fold")
    for task in found.tasks:
        table.add_column(Text(task), justify="right", overflow="fold")
    decimals = decimals_of(found)
    for source in found.tasks:
        values = found.affinity.get(source, {})
        cells = [
            Text(rounded(100 * values[target], decimals), _style(values[target], source == target))
            if target in values
            else NOTHING
            for target in found.tasks
        ]
        table.add_row(Text(source), *cells)
    return table


def _style(value: float, own: bool) -> str:
    return "dim" if own else "green" if value > 0 else "red"


def _groupings(found: Relatedness, networks: int | None) -> Table:
    exact = all(grouping.exact for grouping in found.groupings)
    table = Table(
        title="best grouping of the tasks into networks",
        title_justify="left",
        title_style="bold",
        caption="sum over tasks of the mean affinity from the other tasks of the same network, in percent"
        + ("" if exact else "; too many tasks to evaluate every grouping"),
        caption_justify="left",
    )
    table.add_column("networks", justify="right")
    table.add_column("tasks", overflow="fold")
    table.add_column("sum", justify="right")
    for grouping in found.groupings:
        chosen = len(grouping.networks) == networks
        words = " | ".join(", ".join(network) for network in grouping.networks)
        table.add_row(
            f"{'▶ ' if chosen else ''}{len(grouping.networks)}",
            Text(words),
            rounded(100 * grouping.total, decimals_of(found)),
            style="bold green" if chosen else "",
        )
    return table
