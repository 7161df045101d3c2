"""Creation of the Prefect artifacts of the current flow run, each as soon as its stage has ended."""

import json
from pathlib import Path
from typing import Any

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from flows.environment import store_home
from flows.layout import Layout
from flows.retrain.artifacts.curves import learning_curves
from flows.retrain.artifacts.key import artifact_key
from flows.retrain.artifacts.links import links
from flows.retrain.artifacts.validation import validation_summary
from mtl_core.checks import with_latencies
from mtl_core.config.document import problem_name
from serving.store import Store

COLUMNS = ("name", "value", "limit", "outcome", "unit")


def publish_stage(folder: Path, stage: str) -> None:
    """Create the artifacts of a stage that has ended, also of a failed one that has written its result."""
    layout = Layout(folder)
    result = layout.validation / "result.json"
    if stage == "validate" and result.exists():
        summary = validation_summary(_read(result), layout.quarantine)
        _create_markdown(folder, "validation", summary, "Parts, rows and quarantined rows")
    if stage == "train" and layout.history.exists():
        _create_markdown(folder, "learning-curves", learning_curves(folder), "Metric on validation per epoch and task")
    if stage == "check" and layout.checks.exists():
        _publish_gates(folder)
        _publish_metrics(folder)


def publish_links(folder: Path, version: str) -> None:
    """Create the artifact with the links to report, Data Docs and model version."""
    text = links(folder, version, Store(store_home(folder)).path(version))
    _create_markdown(folder, "links", text, "Report, Data Docs and model version")


def read_checks(folder: Path) -> tuple[dict[str, Any], ...]:
    """The checks of the last run."""
    layout = Layout(folder)
    return tuple(with_latencies(_read(layout.checks)["checks"], layout.latency, layout.graph))


def _publish_gates(folder: Path) -> None:
    rows = [{column: check[column] for column in COLUMNS} for check in read_checks(folder)]
    create_table_artifact(key=artifact_key(problem_name(folder), "gates"), table=rows, description="Gates")


def _publish_metrics(folder: Path) -> None:
    metrics = _read(Layout(folder).metrics)
    rows = [
        {"task": name, "metric": metric, "validation": value, "test": metrics["test"][name][metric]}
        for name, values in metrics["validation"].items()
        for metric, value in values.items()
    ]
    key = artifact_key(problem_name(folder), "metrics")
    create_table_artifact(key=key, table=rows, description="Every metric of every task")


def _create_markdown(folder: Path, kind: str, text: str, description: str) -> None:
    key = artifact_key(problem_name(folder), kind)
    create_markdown_artifact(text, key=key, description=description)


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
