"""Prefect artifacts of a run: its checks, the metrics of every task, a link to the report."""

import json
from pathlib import Path
from typing import Any

from prefect.artifacts import create_link_artifact, create_table_artifact

from flows.layout import Layout
from mtl_core.checks import with_latencies

COLUMNS = ("name", "value", "limit", "outcome", "unit")


def publish(folder: Path) -> tuple[dict[str, Any], ...]:
    """Create the artifacts of the current flow run; returns the checks."""
    layout = Layout(folder)
    entries = json.loads(layout.checks.read_text(encoding="utf-8"))["checks"]
    checks = with_latencies(entries, layout.latency, layout.graph)
    metrics = json.loads(layout.metrics.read_text(encoding="utf-8"))
    create_table_artifact(
        key="checks",
        table=[{column: check[column] for column in COLUMNS} for check in checks],
        description=f"Gates of {folder.name}",
    )
    rows = [
        {"task": name, "metric": metric, "validation": value, "test": metrics["test"][name][metric]}
        for name, values in metrics["validation"].items()
        for metric, value in values.items()
    ]
    create_table_artifact(key="metrics", table=rows, description="Every metric of every task")
    create_link_artifact(key="report", link=layout.report.as_uri(), link_text="report", description="The report")
    return tuple(checks)
