"""Output of `mtl retrain`: a heading per stage while it runs, then stages, comparison, checks and version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from flows.console.bars import timed
from flows.console.models import count_checks
from flows.console.terminal import is_live, open_console
from mtl_core.report.wording import decimal_places, interval, rounded, signed

if TYPE_CHECKING:
    from flows.retrain.result import RetrainResult


def print_stage(name: str) -> None:
    """Heading before a stage's own output; on stderr, so that stdout stays machine-readable."""
    console = open_console(stderr=True)
    if is_live(console):
        console.rule(Text(name, "bold"), align="left")
    else:
        console.print(timed(f"stage {name}"), highlight=False)


def print_result(result: RetrainResult) -> None:
    """Stages, checks, comparison, version."""
    console = open_console()
    table = Table("stage", "time", "processor", title="retrain", title_justify="left", title_style="bold")
    for stage in result.stages:
        cells = (f"{stage.seconds:.1f} s", f"{stage.processor_seconds:.1f} s") if stage.ran else ("up to date", "")
        table.add_row(stage.name, *cells)
    console.print(table)
    if result.comparison.differences:
        console.print(_differences(result))
    for note in result.comparison.notes:
        console.print(f"compare: {note}")
    console.print(f"checks: {count_checks(result.checks)}")
    for check in result.checks:
        if check["outcome"] == "warning":
            console.print(check["words"], style="yellow", highlight=False, soft_wrap=True)
    if result.gates_off:
        console.print(f"gates switched off: {', '.join(result.gates_off)}", highlight=False, soft_wrap=True)
    verb = "promoted" if result.promoted else "is already the champion"
    console.print(Text(result.version, "bold").append(f" {verb}", "not bold"))
    console.print(f"{result.recorded}\n{result.told}", highlight=False, soft_wrap=True)
    if result.other_bits:
        console.print(result.other_bits, style="yellow", highlight=False, soft_wrap=True)


def _differences(result: RetrainResult) -> Table:
    table = Table(title=f"against champion {result.comparison.champion}", title_justify="left", title_style="bold")
    for column in ("task", "metric", "champion", "candidate", "better by", "95% interval"):
        table.add_column(column)
    for found in result.comparison.differences:
        decimals = decimal_places(found.high - found.low)
        table.add_row(
            found.task,
            found.metric,
            rounded(found.champion, decimals),
            rounded(found.candidate, decimals),
            signed(found.difference, decimals),
            interval(found.low, found.high, decimals),
        )
    return table
