"""Stage `check`: metrics of the exported graph on the test split, compared with the gates."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from safetensors.torch import load_file

from flows.layout import Layout
from mtl_core.checks import Check, checked_bytes, write_checks, write_latencies
from mtl_core.config import Gates, load_problem
from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.encoder import Encoder
from mtl_core.errors import CheckFailed
from mtl_core.evaluation import RESAMPLES, MetricValue, baseline_predictions, compare, evaluate
from mtl_core.export.adversarial import adversarial_rows
from mtl_core.export.parity import parity
from mtl_core.export.session import graph_inputs, run_graph
from mtl_core.files import damage_as_data_error, pending, write_text
from mtl_core.gates import (
    baseline_checks,
    gates_off,
    latency_checks,
    metric_checks,
    parity_check,
    size_checks,
    tasks_without_limit,
)
from mtl_core.graphs.runtime import Session, open_graph
from mtl_core.model import Network
from mtl_core.model.inference import uncalibrated_predictions_of
from mtl_core.numbers import finite_or_none
from mtl_core.ragged import Ragged, flat

PARITY_ROWS = 10_000


def run(folder: Path) -> None:
    """Write checks, metrics, evaluation and predictions; raises CheckFailed if a gate is not passed."""
    layout, problem = Layout(folder), load_problem(folder)
    encoder = Encoder.load(layout.encoder)
    tables = {name: _table(layout.encoded / f"{name}.parquet") for name in ("validation", "test")}
    network = Network.build(problem, encoder)
    with damage_as_data_error(layout.weights):
        network.load_state_dict(load_file(layout.weights))
    tasks = network.objectives
    label_columns = {split: encoder.labels(table, exact=True) for split, table in tables.items()}
    labels = {split: {task: flat(x) for task, x in columns.items()} for split, columns in label_columns.items()}
    names = list(network.tasks)
    graph = layout.graph.read_bytes()
    with damage_as_data_error(layout.graph):
        session = open_graph(graph)
    predictions = {
        name: run_graph(session, table, encoder.inputs, names, sequences=encoder.sequences)
        for name, table in tables.items()
    }
    metrics = {
        name: evaluate(tasks, labels[name], predictions[name], resamples=RESAMPLES if name == "test" else 0)
        for name in tables
    }
    train = EncodedSplit.open(layout.encoded / "train", encoder)
    train_labels = {name: train.flat_labels(name).numpy() for name in names}
    baseline = baseline_predictions(tasks, train_labels, labels["test"])
    baseline_metrics = evaluate(tasks, labels["test"], baseline, resamples=0)
    over_baseline = compare(tasks, labels["test"], baseline, predictions["test"])

    test, gates = tables["test"], problem.gates
    checks = [
        *metric_checks(gates, tasks, metrics["test"]),
        *baseline_checks(gates, tasks, over_baseline),
        *_parity_checks(gates, session, network, encoder, test),
        *latency_checks(gates, session, {rows: graph_inputs(_rows(test, rows), encoder.inputs) for rows in (1, 1000)}),
        *size_checks(gates, layout.graph),
    ]
    off = gates_off(gates)
    write_text(layout.metrics, json.dumps(_metrics(metrics), indent=1) + "\n")
    write_text(layout.evaluation, json.dumps(_evaluation(metrics["test"], baseline_metrics), indent=1) + "\n")
    uncalibrated = uncalibrated_predictions_of(network, EncodedSplit.open(layout.encoded / "test", encoder))
    _write_predictions(layout.predictions, label_columns["test"], predictions["test"], uncalibrated)
    write_latencies(layout.latency, layout.graph, checks)
    task_metrics = {
        f"{task.name}.{task.metric.name}": metrics["test"][task.name][task.metric.name].value for task in tasks
    }
    checked = checked_bytes(graph, layout.signature.read_bytes())
    write_checks(layout.checks, checks, [*off, *tasks_without_limit(problem)], task_metrics, checked=checked)
    _print_checks(checks, off)


def _parity_checks(
    gates: Gates, session: Session, network: Network, encoder: Encoder, test: pa.Table
) -> Iterator[Check]:
    limits = gates.parity
    if limits.test_rows is not None:
        yield parity_check("parity", parity(session, network, encoder, test.slice(0, PARITY_ROWS)), limits.test_rows)
    if limits.adversarial_rows is not None:
        difference = parity(session, network, encoder, adversarial_rows(test, encoder))
        yield parity_check("parity on adversarial rows", difference, limits.adversarial_rows)


def _table(path: Path) -> pa.Table:
    with damage_as_data_error(path):
        return pq.read_table(path)


def _rows(table: pa.Table, rows: int) -> pa.Table:
    """Take that many rows of the table, repeated from the start where it is shorter."""
    return table.take(np.arange(rows) % table.num_rows)


def _metrics(metrics: dict[str, dict[str, dict[str, MetricValue]]]) -> dict[str, Any]:
    """Split -> task -> metric -> value."""
    return {
        split: {task: {name: finite_or_none(m.value) for name, m in of_task.items()} for task, of_task in tasks.items()}
        for split, tasks in metrics.items()
    }


def _evaluation(
    metrics: dict[str, dict[str, MetricValue]], baseline: dict[str, dict[str, MetricValue]]
) -> dict[str, Any]:
    """Task -> metric -> test value with its interval, and the baseline's value."""
    return {
        task: {
            name: {
                "value": finite_or_none(m.value),
                "low": finite_or_none(m.low),
                "high": finite_or_none(m.high),
                "baseline": finite_or_none(baseline[task][name].value),
            }
            for name, m in of_task.items()
        }
        for task, of_task in metrics.items()
    }


def _write_predictions(
    path: Path,
    labels: Mapping[str, NDArray[Any] | Ragged],
    predictions: Mapping[str, NDArray[Any]],
    uncalibrated: Mapping[str, NDArray[Any]],
) -> None:
    """Write the predictions and labels of the test rows.

    Columns `label/TASK`, `prediction/TASK` and, where calibration changes it, `uncalibrated/TASK`; several numbers, or
    items, as lists.
    """
    columns = {}
    for task, task_labels in labels.items():
        kinds = {"label": flat(task_labels), "prediction": predictions[task]}
        if task in uncalibrated:
            kinds["uncalibrated"] = uncalibrated[task]
        for kind, values in kinds.items():
            column = pa.array(values.reshape(-1))
            if values.ndim > 1:
                column = pa.FixedSizeListArray.from_arrays(column, values.shape[1])
            if isinstance(task_labels, Ragged):
                column = pa.LargeListArray.from_arrays(task_labels.offsets, column)
            columns[f"{kind}/{task}"] = column
    with pending(path) as temporary:
        pq.write_table(pa.table(columns), temporary, compression="zstd")


def _print_checks(checks: list[Check], off: list[str]) -> None:
    """Print every check and the gates that are off; raises CheckFailed if a check has failed."""
    for line in [*(check.message for check in checks), *off]:
        print(line)
    if failed := [check for check in checks if check.outcome == "failed"]:
        raise CheckFailed(
            f"{len(failed)} of {len(checks)} checks failed:\n"
            + "\n".join(f"  {check.message}" for check in failed)
            + "\nimprove the model, or change `gates` in params.yaml; `mtl stage report` writes its report"
        )
