"""Output of `mtl add-task`: the new task's metrics, beside a full retrain, and what stayed the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from flows.console.models import count_checks
from flows.console.terminal import open_console, titled_table
from mtl_core.report.wording import decimal_places, interval, number, plural, rounded, signed

if TYPE_CHECKING:
    from rich.table import Table

    from flows.add_task.result import AddedTask


def print_added_task(result: AddedTask) -> None:
    """Print metrics, the comparison with a full retrain, checks and version."""
    console = open_console()
    reads = "trunk and encoded inputs" if result.adapter else "trunk"
    console.out(
        f"head of {result.task}: {result.parameters:,} parameters, {plural(result.epochs, 'epoch')}, on "
        f"{result.width:,} frozen outputs of {reads}"
    )
    console.print(_metrics(result))
    if result.full_retrain:
        console.print(_full_retrain(result))
    else:
        console.out(f"full retrain: {result.full_retrain_note}")
    console.out(
        f"unchanged to the bit on {result.compared_rows:,} test and adversarial rows: {', '.join(result.unchanged)}"
    )
    console.out(f"checks: {count_checks(result.checks)}")
    for check in result.checks:
        if check["outcome"] == "warning":
            console.out(check["message"], style="yellow")
    promoted, waiting = f" promoted; previous champion: {result.champion}", " waits for approval: `mtl approve`"
    console.print(Text(result.version, "bold").append(promoted if result.promoted else waiting, "not bold"))


def _metrics(result: AddedTask) -> Table:
    table = titled_table(f"{result.task} on test", "metric", "value", "95% interval", "baseline")
    for metric in result.metrics:
        if metric.value is None or metric.low is None or metric.high is None:
            table.add_row(metric.name, number(metric.value), "", number(metric.baseline))
            continue
        decimals = decimal_places(metric.high - metric.low)
        bounds = interval(metric.low, metric.high, decimals)
        table.add_row(metric.name, rounded(metric.value, decimals), bounds, number(metric.baseline))
    return table


def _full_retrain(result: AddedTask) -> Table:
    difference = result.full_retrain
    assert difference is not None
    columns = ("metric", "full retrain", "added head", "better by", "95% interval")
    table = titled_table(f"{result.task} against a full retrain", *columns)
    decimals = decimal_places(difference.high - difference.low)
    table.add_row(
        difference.metric,
        rounded(difference.reference, decimals),
        rounded(difference.candidate, decimals),
        signed(difference.difference, decimals),
        interval(difference.low, difference.high, decimals),
    )
    return table
