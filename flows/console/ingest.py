"""Output of `mtl ingest`: a row per file, reasons of refusals, what changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.console.terminal import number_column, open_console, titled_table
from mtl_core.report.wording import plural

if TYPE_CHECKING:
    from rich.console import Console

    from flows.ingest.result import IngestResult


def print_result(result: IngestResult) -> None:
    """Print parts, updates, reasons, and a summary."""
    console = open_console()
    if result.parts:
        table = titled_table("parts", "file", "outcome", number_column("rows"), number_column("to quarantine"))
        for part in result.parts:
            outcome = f"already there as {part.name}" if part.outcome == "present" else part.outcome
            cells = (f"{part.rows:,}", f"{part.quarantined:,}") if part.rows else ("", "")
            table.add_row(part.file, outcome, *cells)
        console.print(table)
    if result.updates:
        columns = map(number_column, ("filled", "changed", "unchanged", "unknown keys"))
        table = titled_table("labels", "file", "outcome", *columns)
        for update in result.updates:
            counts = (update.filled, update.changed, update.unchanged, update.unknown)
            table.add_row(update.file, update.outcome, *(f"{count:,}" for count in counts))
        console.print(table)
    _print_messages(console, result)
    for name in result.waiting:
        console.out(f"{name}: still changes, left in the inbox", style="yellow")
    if changed := result.changed_parts:
        console.out(f"changed {plural(len(changed), 'part')}: {', '.join(changed)}; data.dvc pins the data")
    else:
        console.out("nothing added: the data are unchanged")


def _print_messages(console: Console, result: IngestResult) -> None:
    for part in result.parts:
        for reason in part.reasons:
            console.out(f"{part.name}: {reason}", style="yellow")
    for update in result.updates:
        if update.message and update.outcome != "refused":
            console.out(f"{update.file}: {update.message}", style="yellow")
    for refused in result.refused:
        console.out(f"refused: {refused.message}", style="red")
