"""A folder with the artifacts of a synthetic run, as the stages before `report` write them."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from flows.layout import Layout
from flows.stages.report import report_paths
from mtl_core.checks import write_checks
from mtl_core.config import Problem, parse_problem
from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.encoder import Encoder
from mtl_core.data.prepare import prepare
from mtl_core.evaluation import baseline_predictions, evaluate
from mtl_core.export.signature import signature
from mtl_core.gates import gates_off, tasks_without_limit
from mtl_core.ragged import Ragged, flat
from mtl_core.report.page import render
from mtl_core.report.run import Run, read_run
from mtl_core.tasks import objectives
from mtl_core.validation.results import QUARANTINE_SCHEMA
from tests.report.problem import DOCUMENT, IMAGE, ROWS, SCRIPT, checks, history, predictions, table


@dataclass(frozen=True, kw_only=True)
class RunFolder:
    """Layout of the folder, and its problem."""

    layout: Layout
    problem: Problem

    def run(self) -> Run:
        return read_run(self.problem, report_paths(self.layout))

    def page(self) -> str:
        return render(self.run())

    def change(self, path: Path, change: Callable[[Any], None]) -> None:
        """Edit a JSON file in place."""
        document = json.loads(path.read_text(encoding="utf-8"))
        change(document)
        path.write_text(json.dumps(document), encoding="utf-8")


def write_run(folder: Path) -> RunFolder:
    """Write the artifacts of the stages before `report`."""
    layout, problem = Layout(folder), parse_problem(DOCUMENT)
    (folder / "data").mkdir(parents=True)
    pq.write_table(table(), folder / "data" / "rows.parquet")
    (folder / "params.yaml").write_text(json.dumps(DOCUMENT), encoding="utf-8")
    _write_validation(layout)
    prepare(folder, problem, layout.quarantine, layout.encoded)
    encoder = Encoder.load(layout.encoder)
    _write_json(layout.history, history())
    _write_json(layout.signature, signature(problem, encoder, objectives(problem.tasks, encoder.tasks), b"graph"))
    layout.graph.write_bytes(b"graph")
    _write_test(layout, problem, encoder)
    return RunFolder(layout=layout, problem=problem)


def _write_validation(layout: Layout) -> None:
    lines = [
        {"part": "rows.parquet", "row": 0, "column": "size", "expectation": SCRIPT, "value": IMAGE},
        {"part": "rows.parquet", "row": 0, "column": "minutes", "expectation": "is there", "value": None},
    ]
    part = {"part": "rows.parquet", "passed": True, "rows": ROWS, "quarantined": 1, "errors": [], "expectations": []}
    result = {"passed": True, "suite": "gx/expectations/made-up.json", "rows": ROWS, "quarantined": 1, "parts": [part]}
    _write_json(layout.validation / "result.json", result)
    pq.write_table(pa.Table.from_pylist(lines, schema=QUARANTINE_SCHEMA), layout.quarantine)


def _write_test(layout: Layout, problem: Problem, encoder: Encoder) -> None:
    tasks = objectives(problem.tasks, encoder.tasks)
    by_row = encoder.labels(pq.read_table(layout.encoded / "test.parquet"))
    labels = {name: flat(values) for name, values in by_row.items()}
    predicted = predictions(labels)
    columns = {
        f"{kind}/{name}": _column(values, by_row[name])
        for kind, arrays in (("label", labels), ("prediction", predicted))
        for name, values in arrays.items()
    }
    columns["uncalibrated/late"] = _column(np.clip(2 * predicted["late"] - 0.5, 0, 1), labels["late"])
    pq.write_table(pa.table(columns), layout.predictions)
    finite = {name: np.where(np.isfinite(values), values, 0) for name, values in predicted.items()}
    metrics = evaluate(tasks, labels, finite, resamples=20)
    split = EncodedSplit.open(layout.encoded / "train", encoder)
    train = {task.name: split.flat_labels(task.name).numpy() for task in encoder.tasks}
    baseline = evaluate(tasks, labels, baseline_predictions(tasks, train, labels), resamples=0)
    evaluation = {
        task: {m: asdict(v) | {"baseline": baseline[task][m].value} for m, v in by_name.items()}
        for task, by_name in metrics.items()
    }
    values = {task: {m: v["value"] for m, v in by_name.items()} for task, by_name in evaluation.items()}
    _write_json(layout.evaluation, evaluation)
    _write_json(layout.metrics, {"validation": values, "test": values})
    notes = [f"a note with {SCRIPT}", *gates_off(problem.gates), *tasks_without_limit(problem)]
    write_checks(layout.checks, checks(), notes)


def _column(values: NDArray[Any], by_row: NDArray[Any] | Ragged) -> pa.Array:
    """A column; several values per row, or the items of the rows, become lists."""
    column = pa.array(values.ravel())
    if values.ndim > 1:
        column = pa.FixedSizeListArray.from_arrays(column, values.shape[1])
    return pa.LargeListArray.from_arrays(by_row.offsets, column) if isinstance(by_row, Ragged) else column


def _write_json(path: Path, document: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(_null(document)), encoding="utf-8")


def _null(value: Any) -> Any:
    """The value with null for undefined numbers, as the stages write JSON."""
    if isinstance(value, dict):
        return {key: _null(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_null(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
