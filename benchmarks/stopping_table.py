"""The table of the kept results on early stopping."""

import statistics
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

__all__ = ["print_table"]


def print_table(console: Console, rows: Sequence[dict[str, Any]]) -> None:
    """Per problem and task: each policy's mean and standard deviation over seeds, its epochs and seconds."""
    for problem in dict.fromkeys(row["problem"] for row in rows):
        own = [row for row in rows if row["problem"] == problem]
        policies = list(dict.fromkeys(row["policy"] for row in own))
        table = Table("task", "metric", *policies, title=problem, title_justify="left")
        for task in dict.fromkeys(row["task"] for row in own):
            lines = {p: [row for row in own if row["task"] == task and row["policy"] == p] for p in policies}
            metric = lines[policies[0]][0]["metric"]
            table.add_row(task, metric, *(_spread([row["value"] for row in lines[p]]) for p in policies))
        console.print(table)


def _spread(values: list[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{statistics.mean(known):.4f} ± {statistics.stdev(known) if len(known) > 1 else 0:.4f}" if known else "-"
