"""Output of `mtl reproduce`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.console.terminal import number_column, open_console, titled_table
from mtl_core.report.wording import number

if TYPE_CHECKING:
    from flows.reproduce.result import Reproduction


def print_reproduction(result: Reproduction) -> None:
    """Print the differences, then the outcome."""
    console = open_console()
    for line in result.environment:
        console.out(line)
    if result.metrics:
        columns = (number_column(name) for name in ("version", "reproduced", "difference"))
        table = titled_table("metrics on test", "metric", *columns)
        for metric in result.metrics:
            values = (_number(value) for value in (metric.version, metric.reproduced))
            table.add_row(metric.metric, *values, f"{metric.relative:.2%}")
        console.print(table)
    if result.first_difference:
        console.out(f"first difference: {result.first_difference}")
    style = "green" if result.reproduced else "red"
    console.out(f"{result.version} {_outcome(result)}", style=style)
    console.out(f"clone: {result.folder}")


def _outcome(result: Reproduction) -> str:
    if result.identical:
        return "is reproduced: the graph has the same bytes"
    within = f"every metric within {result.tolerance:.2%}"
    if not result.environment:
        return "is not reproduced: the same machine and packages must give the same bytes, found others"
    if not result.metrics:
        return "is not reproduced: the graph has other bytes, and the version has no metrics to compare"
    return f"is reproduced: {within}" if result.reproduced else f"is not reproduced: must have {within}"


def _number(value: float | None) -> str:
    return "undefined" if value is None else number(value)
