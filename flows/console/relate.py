"""Output of `mtl relate`: its progress, and its result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from flows.console.bars import Bars
from flows.console.terminal import number_column, open_console, titled_table
from mtl_core.report.wording import UNDEFINED, affinity_decimal_places, rounded
from mtl_core.studies.progress import StudyProgress

if TYPE_CHECKING:
    from rich.table import Table

    from mtl_core.studies.relatedness.record import Relatedness
    from mtl_core.training import Epoch

_DESCRIPTIONS = {"joint": "the declared trunk", "vectors": "task vectors"}


class RelateProgress(Bars, StudyProgress):
    """Bar on stderr: steps of the current epoch."""

    def __init__(self, epochs: int) -> None:
        super().__init__(open_console(stderr=True), transient=True)
        self.epochs = epochs
        self.bar = self.add(self._description("joint", 1))

    def on_epoch(self, training: str, epoch: Epoch) -> None:
        self.restart(self.bar, self._description(training, min(epoch.number + 1, self.epochs)))

    def on_step(self, step: int, steps: int) -> None:
        self.move(self.bar, step, steps)

    def _description(self, training: str, epoch: int) -> str:
        return f"{_DESCRIPTIONS[training]}: epoch {epoch} of at most {self.epochs}"


def print_relatedness(relatedness: Relatedness, networks: int | None) -> None:
    """Print affinities, then the best partition for each number of networks; the one for `networks` is marked."""
    console = open_console()
    console.print(_affinities(relatedness))
    console.print(_groupings(relatedness, networks))


def _affinities(relatedness: Relatedness) -> Table:
    table = titled_table(
        "affinity: effect of a gradient step for the row's task on the loss of the column's task, in percent",
        "source",
        *map(number_column, relatedness.tasks),
        caption=f"above 0: it helps; mean of {relatedness.measurements:,} measurements on one batch each",
    )
    decimals = affinity_decimal_places(relatedness.affinity)
    for source in relatedness.tasks:
        values = relatedness.affinity.get(source, {})
        cells = [
            Text(rounded(100 * values[target], decimals), _style(values[target], is_diagonal=source == target))
            if target in values
            else UNDEFINED
            for target in relatedness.tasks
        ]
        table.add_row(source, *cells)
    return table


def _style(value: float, *, is_diagonal: bool) -> str:
    return "dim" if is_diagonal else "green" if value > 0 else "red"


def _groupings(relatedness: Relatedness, networks: int | None) -> Table:
    exact = all(grouping.exact for grouping in relatedness.groupings)
    table = titled_table(
        "best grouping of the tasks into networks",
        number_column("networks"),
        "tasks",
        number_column("sum"),
        caption="sum over tasks of the mean affinity from the other tasks of the same network, in percent"
        + ("" if exact else "; too many tasks to evaluate every grouping"),
    )
    for grouping in relatedness.groupings:
        is_marked = len(grouping.networks) == networks
        table.add_row(
            f"{'▶ ' if is_marked else ''}{len(grouping.networks)}",
            " | ".join(", ".join(network) for network in grouping.networks),
            rounded(100 * grouping.total, affinity_decimal_places(relatedness.affinity)),
            style="bold green" if is_marked else "",
        )
    return table
