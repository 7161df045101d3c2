"""What the flow says in the terminal: a heading per stage while it runs, and what it came to at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from flows.outcome import Retrained

__all__ = ["announce", "summarise"]


def announce(stage: str) -> None:
    """A heading, before the stage's own output; to stderr, which leaves stdout to the machines that read it."""
    Console(stderr=True).rule(f"[bold]{stage}", align="left")


def summarise(outcome: Retrained) -> None:
    """Stages, checks, comparison, version."""
    console = Console()
    table = Table("stage", "time", title="retrain", title_justify="left", title_style="bold")
    for stage in outcome.stages:
        table.add_row(stage.name, f"{stage.seconds:.1f} s" if stage.ran else "up to date")
    console.print(table)
    if outcome.comparison.differences:
        console.print(_differences(outcome))
    for note in outcome.comparison.notes:
        console.print(f"compare: {note}")
    passed = sum(check["passed"] for check in outcome.checks)
    console.print(f"checks: {passed} of {len(outcome.checks)} passed")
    verb = "promoted" if outcome.promoted else "is the champion already"
    console.print(f"[bold]{outcome.version}[/bold] {verb}")
    console.print(f"{outcome.recorded}\n{outcome.told}", highlight=False, soft_wrap=True)


def _differences(outcome: Retrained) -> Table:
    table = Table(title=f"against champion {outcome.comparison.champion}", title_justify="left", title_style="bold")
    for column in ("task", "metric", "champion", "candidate", "better by", "95% interval"):
        table.add_column(column)
    for found in outcome.comparison.differences:
        numbers = (f"{found.champion:.4g}", f"{found.candidate:.4g}", f"{found.difference:+.4g}")
        table.add_row(found.task, found.metric, *numbers, f"{found.low:+.4g} to {found.high:+.4g}")
    return table
