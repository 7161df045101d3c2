"""Output of `mtl compare`: its progress, and its result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from flows.console.bars import Bars
from flows.console.terminal import open_console
from mtl_core.report.wording import NOTHING, interval, interval_places, rounded, signed
from mtl_core.studies.comparison.record import (
    BOOSTED,
    HARMS,
    HELPS,
    SINGLE_TASK,
    ComparedTask,
    Comparison,
    Cost,
    Gain,
    MeanStd,
)
from mtl_core.studies.progress import StudyProgress

if TYPE_CHECKING:
    from mtl_core.studies.comparison.record import Verdict
    from mtl_core.training import Epoch

_COLOURS = {HELPS: "green", HARMS: "red"}


class CompareProgress(Bars, StudyProgress):
    """Two bars on stderr: parts of the study, and progress within the present one."""

    def __init__(self, epochs: int) -> None:
        super().__init__(open_console(stderr=True), transient=True)
        self.epochs = epochs
        self.parts, self.part = self.add("compare"), self.add("")

    def on_part(self, description: str, number: int, parts: int) -> None:
        self.log(f"part {number + 1} of {parts}: {description}")
        self.move(self.parts, number, parts, description)
        self.restart(self.part, "")

    def on_epoch(self, training: str, epoch: Epoch) -> None:
        words = f"{training or 'all tasks'}: epoch {min(epoch.number + 1, self.epochs)} of at most {self.epochs}"
        self.restart(self.part, words)

    def on_step(self, step: int, steps: int) -> None:
        self.move(self.part, step, steps)


def print_comparison(found: Comparison) -> None:
    """Quality and cost as tables; then the sentence that names negative transfer."""
    console = open_console()
    console.print(_quality(found))
    if len(found.courses) > 1:
        console.print(_policies(found))
    console.print(_cost(found))
    for note in found.notes:
        console.print(note, style="dim", highlight=False, soft_wrap=True)
    console.print(found.headline, style="bold", highlight=False, soft_wrap=True)
    if harmed := found.tasks_with(HARMS):
        console.print(f"negative transfer: {', '.join(harmed)}", style="bold red", highlight=False)


def _quality(found: Comparison) -> Table:
    """Row per task: shared against single-task, and against trees where there are any."""
    table = _table(
        f"shared and single-task models: test split, {_seeds(found)}",
        caption="better by: difference (above 0: sharing is better) and its paired 95% interval",
    )
    trees = ("boosted", "better than\nboosted by") if BOOSTED in found.cost else ()
    for column in ("task\nmetric", f"shared\n({found.shared})", "single\ntask", "better by", *trees):
        table.add_column(column, overflow="fold")
    for name, task in found.tasks.items():
        decimals = _decimals(task)
        shared, single, boosted = (
            _spread(task.arms.get(arm), decimals) for arm in (found.shared, SINGLE_TASK, BOOSTED)
        )
        table.add_row(
            _named(name, task),
            *(shared, single, _gain(task.over_single, decimals).append(_judged(task.verdict))),
            *((boosted, _gain(task.over_boosted, decimals)) if trees else ()),
        )
    return table


def _policies(found: Comparison) -> Table:
    """Row per task, column per stopping policy."""
    table = _table(f"shared network under every stopping policy: test split, {_seeds(found)}")
    for column in ("task\nmetric", *found.courses):
        table.add_column(column, overflow="fold")
    for name, task in found.tasks.items():
        decimals = _decimals(task)
        table.add_row(_named(name, task), *(_spread(task.arms.get(policy), decimals) for policy in found.courses))
    return table


def _table(title: str, caption: str | None = None) -> Table:
    return Table(
        title=title, title_justify="left", title_style="bold", caption=caption, caption_justify="left", show_lines=True
    )


def _seeds(found: Comparison) -> str:
    count = len(found.made.seeds)
    return f"mean ± standard deviation of {count} seeds" if count > 1 else "one seed"


def _named(name: str, task: ComparedTask) -> Text:
    arrow = "↑" if task.higher_is_better else "↓"
    return Text(name).append(f"\n{task.metric} {arrow}{f' {task.unit}' if task.unit else ''}", "dim")


def _cost(found: Comparison) -> Table:
    table = _table(
        "cost of each model, all tasks together",
        caption="inference on one thread; networks take raw rows, trees encoded rows",
    )
    table.show_lines = False
    for column in ("model", "parameters", "training, s per seed", "1 row, ms", "1,000 rows, ms", "MB"):
        table.add_column(column, justify="left" if column == "model" else "right")
    for arm, cost in found.cost.items():
        table.add_row(f"shared ({arm})" if arm == found.shared else arm, *_cost_cells(cost))
    return table


def _cost_cells(cost: Cost) -> tuple[str, ...]:
    return (
        NOTHING if cost.parameters is None else f"{cost.parameters:,}",
        f"{cost.seconds:,.1f}",
        rounded(cost.ms_1, 3),
        rounded(cost.ms_1000, 2),
        NOTHING if cost.bytes is None else f"{cost.bytes / 1e6:,.2f}",
    )


def _decimals(task: ComparedTask) -> int:
    """Decimals that show two digits of the interval's width."""
    gain = task.over_single
    return 4 if gain is None else interval_places(gain.low, gain.high)


def _spread(found: MeanStd | None, decimals: int) -> Text:
    if found is None or found.mean is None:
        return Text(NOTHING)
    std = "" if found.std is None else f"\n± {rounded(found.std, decimals)}"
    return Text(rounded(found.mean, decimals)).append(std, "dim")


def _judged(verdict: Verdict | None) -> Text:
    return Text(f"\n{verdict}", _COLOURS.get(verdict, "")) if verdict else Text()


def _gain(found: Gain | None, decimals: int) -> Text:
    if found is None or found.difference is None:
        return Text(NOTHING)
    return Text(signed(found.difference, decimals)).append(f"\n{interval(found.low, found.high, decimals)}", "dim")
