"""Output of `mtl models`: a row per version of the store."""

from typing import Any

from rich.console import Console
from rich.table import Table

__all__ = ["print_models"]


def print_models(models: list[dict[str, Any]]) -> None:
    """Version, champion's mark, checks, and metrics on test."""
    table = Table("version", "champion", "checks", "metrics on test")
    for model in models:
        # Metric checks are named TASK.METRIC.
        metrics = [
            f"{check['name']} {check['value']:.4g}"
            for check in model["checks"]
            if "." in check["name"] and " " not in check["name"]
        ]
        passed = sum(check["passed"] for check in model["checks"])
        champion = "[green]serving[/green]" if model["champion"] else ""
        table.add_row(model["version"], champion, f"{passed} of {len(model['checks'])} passed", "\n".join(metrics))
    Console().print(table)
