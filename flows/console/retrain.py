"""Output of `mtl retrain`: a heading per stage while it runs, then stages, comparison, checks and version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from flows.console.bars import with_time
from flows.console.comparison import churn_text
from flows.console.models import count_checks
from flows.console.terminal import is_live, open_console, titled_table
from mtl_core.report.wording import decimal_places, interval, number, plural, rounded, signed

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from flows.retrain.result import RetrainResult


def print_stage(name: str) -> None:
    """Print a heading before the output of a stage; on stderr, so that stdout stays machine-readable."""
    console = open_console(stderr=True)
    if is_live(console):
        console.rule(Text(name, "bold"), align="left")
    else:
        console.out(with_time(f"stage {name}"))


def print_result(result: RetrainResult) -> None:
    """Print stages, comparison, checks and version."""
    console = open_console()
    table = titled_table("retrain", "stage", "time", "processor")
    for stage in result.stages:
        cells = (f"{stage.seconds:.1f} s", f"{stage.processor_seconds:.1f} s") if stage.ran else ("up to date", "")
        table.add_row(stage.name, *cells)
    console.print(table)
    if result.comparison.differences:
        console.print(_differences(result))
    for churn in result.comparison.churn:
        console.out(f"churn: {churn.task}: {churn_text(churn)}")
    _print_slices(console, result)
    for note in result.comparison.notes:
        console.out(f"compare: {note}")
    console.out(f"checks: {count_checks(result.checks)}")
    for check in result.checks:
        if check["outcome"] == "warning":
            console.out(check["message"], style="yellow")
    if result.gates_off:
        console.out(f"gates switched off: {', '.join(result.gates_off)}")
    reasons = "" if result.decision.outcome == "unchanged" else f": {'; '.join(result.decision.reasons)}"
    console.print(Text(result.version, "bold").append(f" {_verb(result)}{reasons}", "not bold"), soft_wrap=True)
    if result.waiting:
        console.out(result.waiting, style="cyan")
    console.out("\n".join(filter(None, (result.experiment, result.remote, result.service))))
    if result.deleted:
        console.out(f"deleted, beyond the limits of `store`: {', '.join(result.deleted)}")
    if result.other_outputs:
        console.out(result.other_outputs, style="yellow")


def _verb(result: RetrainResult) -> str:
    if result.waiting:
        return "waits for approval"
    verbs = {"promoted": "promoted", "unchanged": "is already the champion", "kept": "is kept, not promoted"}
    return verbs[result.decision.outcome]


def _print_slices(console: Console, result: RetrainResult) -> None:
    """The worst slice, and how many were compared or left out."""
    slices = result.comparison.slices
    if slices.differences:
        worst, values = slices.differences[0], {(d.column, d.value) for d in slices.differences}
        console.out(
            f"slices: {plural(len(values), 'slice')} compared; worst {worst.name}, {worst.task}: {worst.metric} "
            f"{number(worst.candidate)}, the champion's {number(worst.reference)}, {worst.rows:,} rows"
        )
    for sentence in slices.left_out:
        console.out(f"slices left out: {sentence}")


def _differences(result: RetrainResult) -> Table:
    columns = ("task", "metric", "champion", "candidate", "better by", "95% interval")
    table = titled_table(f"against champion {result.comparison.champion}", *columns)
    for task in result.comparison.differences:
        decimals = decimal_places(task.high - task.low)
        table.add_row(
            task.task,
            task.metric,
            rounded(task.reference, decimals),
            rounded(task.candidate, decimals),
            signed(task.difference, decimals),
            interval(task.low, task.high, decimals),
        )
    return table
