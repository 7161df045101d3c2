"""Output of `mtl replay`: a line per month, and the cadences in comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.console.bars import Bars
from flows.console.terminal import number_column, open_console, titled_table
from mtl_core.report.studies.replay_tables import bad_promotion_lines, cadence_name, cost_cells, gain_text, task_title
from mtl_core.report.wording import number

if TYPE_CHECKING:
    from rich.table import Table

    from flows.studies.replay.walk import MonthRecord
    from mtl_core.studies.replay.record import Replay


class ReplayProgress(Bars):
    """Line on stderr per month and cadence, and a bar for all of them."""

    def __init__(self, months: int) -> None:
        super().__init__(open_console(stderr=True))
        self.months, self.done = months, 0
        self.bar = self.add("months", months)

    def on_month(self, every: int, record: MonthRecord) -> None:
        """Callback after a month."""
        retrain = record.retrain
        outcome = f"{retrain.outcome} in {retrain.processor_seconds:.0f} s of processor time; " if retrain else ""
        scores = ", ".join(f"{task} {number(value)}" for task, value in record.champion.items())
        self.say(f"{record.month}, {cadence_name(every)}: {outcome}{scores}")
        self.done += 1
        self.move(self.bar, self.done, self.months)


def print_replay(study: Replay) -> None:
    """Print the scores, the costs, and the promotions that were worse on the next month."""
    console = open_console()
    console.print(_scores(study))
    console.print(_costs(study))
    for line in bad_promotion_lines(study):
        console.out(line)


def _scores(study: Replay) -> Table:
    names = [cadence_name(cadence.months) for cadence in study.cadences]
    table = titled_table(
        f"score on the next month, mean of {len(study.months)}: {study.months[0]} to {study.months[-1]}",
        "task, metric",
        number_column("never"),
        *map(number_column, names),
        caption="in brackets: gain over never, above 0 is better, with a 95% interval over the months",
    )
    for name in study.tasks:
        cells = [gain_text(study, name, cadence) for cadence in study.cadences]
        table.add_row(task_title(study, name), gain_text(study, name, None), *cells)
    return table


def _costs(study: Replay) -> Table:
    head, *rows = cost_cells(study)
    table = titled_table("retrains", head[0], *map(number_column, head[1:]))
    for row in rows:
        table.add_row(*row)
    return table
