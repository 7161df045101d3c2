"""Output of `mtl compare`: its progress, and its result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from flows.console.bars import Bars
from flows.console.terminal import number_column, open_console, titled_table
from mtl_core.report.wording import UNDEFINED, gain_decimal_places, integer, interval, rounded, signed
from mtl_core.studies.comparison.record import (
    BOOSTED,
    HARMS,
    HELPS,
    SINGLE_TASK,
    ComparedTask,
    Comparison,
    Gain,
    MeanStd,
)
from mtl_core.studies.progress import StudyProgress

if TYPE_CHECKING:
    from rich.table import Table

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
        text = f"{training or 'all tasks'}: epoch {min(epoch.number + 1, self.epochs)} of at most {self.epochs}"
        self.restart(self.part, text)

    def on_step(self, step: int, steps: int) -> None:
        self.move(self.part, step, steps)


def print_comparison(comparison: Comparison) -> None:
    """Print tables of quality and cost, then the tasks with negative transfer."""
    console = open_console()
    console.print(_quality(comparison))
    if len(comparison.policies) > 1:
        console.print(_policies(comparison))
    console.print(_cost(comparison))
    for note in comparison.notes:
        console.out(note, style="dim")
    console.out(comparison.headline, style="bold")
    if harmed := comparison.tasks_with(HARMS):
        console.out(f"negative transfer: {', '.join(harmed)}", style="bold red")


def _quality(comparison: Comparison) -> Table:
    trees = ("boosted", "better than\nboosted by") if BOOSTED in comparison.cost else ()
    table = titled_table(
        f"shared and single-task models: test split, {_seeds(comparison)}",
        *("task\nmetric", f"shared\n({comparison.shared})", "single\ntask", "better by", *trees),
        caption="better by: difference (above 0: sharing is better) and its paired 95% interval",
        show_lines=True,
    )
    for name, task in comparison.tasks.items():
        decimals = gain_decimal_places(task.over_single)
        shared, single, boosted = (
            _mean_std_cell(task.arms.get(arm), decimals) for arm in (comparison.shared, SINGLE_TASK, BOOSTED)
        )
        over_single = _gain_cell(task.over_single, decimals).append(_verdict_cell(task.verdict))
        cells = [_task_cell(name, task), shared, single, over_single]
        table.add_row(*cells, *((boosted, _gain_cell(task.over_boosted, decimals)) if trees else ()))
    return table


def _policies(comparison: Comparison) -> Table:
    policies = comparison.policies
    title = f"shared network under every stopping policy: test split, {_seeds(comparison)}"
    table = titled_table(title, "task\nmetric", *policies, show_lines=True)
    for name, task in comparison.tasks.items():
        decimals = gain_decimal_places(task.over_single)
        table.add_row(_task_cell(name, task), *(_mean_std_cell(task.arms.get(policy), decimals) for policy in policies))
    return table


def _seeds(comparison: Comparison) -> str:
    count = len(comparison.provenance.seeds)
    return f"mean ± standard deviation of {count} seeds" if count > 1 else "one seed"


def _task_cell(name: str, task: ComparedTask) -> Text:
    arrow = "↑" if task.higher_is_better else "↓"
    return Text(name).append(f"\n{task.metric} {arrow}{f' {task.unit}' if task.unit else ''}", "dim")


def _cost(comparison: Comparison) -> Table:
    numbers = ("parameters", "training, s per seed", "1 row, ms", "1,000 rows, ms", "MB")
    table = titled_table(
        "cost of each model, all tasks together",
        "model",
        *map(number_column, numbers),
        caption="inference on one thread; networks take raw rows, trees encoded rows",
    )
    for arm, cost in comparison.cost.items():
        table.add_row(
            f"shared ({arm})" if arm == comparison.shared else arm,
            UNDEFINED if cost.parameters is None else integer(cost.parameters),
            rounded(cost.seconds, 1),
            rounded(cost.ms_1, 3),
            rounded(cost.ms_1000, 2),
            UNDEFINED if cost.bytes is None else rounded(cost.bytes / 1e6, 2),
        )
    return table


def _mean_std_cell(value: MeanStd | None, decimals: int) -> Text:
    if value is None or value.mean is None:
        return Text(UNDEFINED)
    std = "" if value.std is None else f"\n± {rounded(value.std, decimals)}"
    return Text(rounded(value.mean, decimals)).append(std, "dim")


def _verdict_cell(verdict: Verdict | None) -> Text:
    return Text(f"\n{verdict}", _COLOURS.get(verdict, "")) if verdict else Text()


def _gain_cell(gain: Gain | None, decimals: int) -> Text:
    if gain is None or gain.difference is None:
        return Text(UNDEFINED)
    return Text(signed(gain.difference, decimals)).append(f"\n{interval(gain.low, gain.high, decimals)}", "dim")
