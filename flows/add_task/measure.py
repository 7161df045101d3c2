"""Measurements of a graph with an added task: its gates, as the stage `check` has them, and all other outputs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray

from flows.add_task.champion import FrozenChampion
from flows.add_task.rows import PreparedRows, TrunkReader
from flows.stages.check import PARITY_ROWS
from mtl_core.checks import Check
from mtl_core.config import Problem
from mtl_core.distillation.single_task import single_task_encoder
from mtl_core.errors import ExportError
from mtl_core.evaluation import MetricValue, baseline_predictions, compare, evaluate
from mtl_core.export.added_task import changed_outputs
from mtl_core.export.adversarial import adversarial_rows
from mtl_core.export.exported_model import comparable_outputs
from mtl_core.export.parity import Parity, largest_difference
from mtl_core.export.session import graph_inputs, run_graph
from mtl_core.export.signature import signature
from mtl_core.gates import baseline_checks, latency_checks, metric_checks, parity_check, size_checks
from mtl_core.graphs.runtime import Session, open_graph
from mtl_core.model import Network
from mtl_core.ragged import flat
from mtl_core.tasks import objectives
from mtl_core.training.added_head import BLOCK

BATCHES = ((8192, None), (1, 64))
"""Rows per call, and the rows (None: all) on which outputs are compared: a runtime has other kernels for one row."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A graph with an added task, and all that it was made from."""

    problem: Problem
    champion: FrozenChampion
    rows: PreparedRows
    reader: TrunkReader
    network: Network
    """The trained head."""
    width: int
    """Numbers per row that it reads."""
    graph: Path

    @property
    def task(self) -> str:
        """Name of the added task."""
        return self.network.tasks[0]

    def session(self) -> Session:
        """A session of the graph."""
        return open_graph(self.graph.read_bytes())

    def test_rows(self) -> pa.Table:
        """The raw test rows."""
        return pq.read_table(self.rows.raw("test"))

    def predictions(self, session: Session, table: pa.Table, tasks: list[str]) -> dict[str, NDArray[Any]]:
        """Predictions of the graph for raw rows."""
        champion = self.champion
        return run_graph(
            session, table, self.reader.inputs, tasks, sequences=champion.sequences, matrices=champion.matrices
        )

    def labels(self, table: pa.Table) -> dict[str, NDArray[Any]]:
        """The exact labels of the added task."""
        encoder = single_task_encoder(self.task, self.rows.encoder)
        return {name: flat(values) for name, values in encoder.labels(table, exact=True).items()}


def check_unchanged(candidate: Candidate) -> int:
    """Compare all other outputs with the champion's; the number of compared rows.

    Raises:
        ExportError: an output differs in a bit.
    """
    champion, test = candidate.champion, candidate.test_rows()
    tables = (test, adversarial_rows(test, candidate.rows.encoder))
    before, after = open_graph(champion.model.SerializeToString()), candidate.session()
    for table in tables:
        for rows, first in BATCHES:
            changed = changed_outputs(
                *(before, after, table.slice(0, first), candidate.reader.inputs),
                sequences=champion.sequences,
                matrices=champion.matrices,
                rows=rows,
            )
            if changed:
                raise ExportError(
                    f"task {candidate.task!r}: must leave every other output of champion {champion.version} as it is, "
                    f"found other bits in {', '.join(changed)}; nothing was stored: run `mtl retrain`, which trains "
                    "all tasks"
                )
    return sum(table.num_rows for table in tables)


def measure(candidate: Candidate) -> tuple[list[Check], dict[str, MetricValue], dict[str, MetricValue]]:
    """The gates of the added task and of the whole graph; the task's metrics on test, and the baseline's."""
    test, gates, tasks = candidate.test_rows(), candidate.problem.gates, candidate.network.objectives
    name, session = candidate.task, candidate.session()
    labels, predictions = candidate.labels(test), candidate.predictions(session, test, [name])
    metrics = evaluate(tasks, labels, predictions)
    train_labels = {name: candidate.rows.encoded("train").flat_labels(name).numpy()}
    baseline = baseline_predictions(tasks, train_labels, labels)
    inputs, matrices = candidate.reader.inputs, candidate.champion.matrices
    batches = {rows: test.take(np.arange(rows) % test.num_rows) for rows in (1, 1000)}
    checks = [
        *metric_checks(gates, tasks, metrics),
        *baseline_checks(gates, tasks, compare(tasks, labels, baseline, predictions)),
    ]
    limits = gates.parity
    if limits.test_rows is not None:
        checks.append(parity_check("parity", _parity(candidate, session, test.slice(0, PARITY_ROWS)), limits.test_rows))
    if limits.adversarial_rows is not None:
        difference = _parity(candidate, session, adversarial_rows(test, candidate.rows.encoder))
        checks.append(parity_check("parity on adversarial rows", difference, limits.adversarial_rows))
    checks += latency_checks(
        gates, session, {rows: graph_inputs(table, inputs, matrices) for rows, table in batches.items()}
    )
    checks += size_checks(gates, candidate.graph)
    return checks, metrics[name], evaluate(tasks, labels, baseline, resamples=0)[name]


def other_metrics(candidate: Candidate) -> dict[str, float]:
    """TASK.METRIC -> the metric on the test rows of each other task that champion and problem have in common."""
    problem, encoder = candidate.problem, candidate.rows.encoder
    tasks, test = objectives(problem.tasks, encoder.tasks), candidate.test_rows()
    present = comparable_outputs(signature(problem, encoder, tasks, b""))
    served = comparable_outputs(candidate.champion.signature)
    common = [task for task in tasks if task.name in served and served[task.name] == present[task.name]]
    labels = {name: flat(values) for name, values in encoder.labels(test, exact=True).items()}
    predictions = candidate.predictions(candidate.session(), test, [task.name for task in common])
    metrics = evaluate(common, labels, predictions, resamples=0)
    return {f"{task.name}.{task.metric.name}": metrics[task.name][task.metric.name].value for task in common}


def _parity(candidate: Candidate, session: Session, table: pa.Table) -> Parity:
    """Predictions of the added task by the graph and by torch."""
    network = candidate.network
    network.eval()
    with torch.inference_mode():
        by_network = network.predict({BLOCK: candidate.reader.of_table(table)})
    return largest_difference(
        network.objectives,
        candidate.predictions(session, table, [candidate.task]),
        {name: values.numpy() for name, values in by_network.items()},
        table.num_rows,
    )
