"""The artifacts of a run that never was: every kind of task, holes in the labels, and names that mean harm."""

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
from mtl_core.data.encoder import Encoder
from mtl_core.data.prepare import prepare
from mtl_core.data.validation.quarantine import SCHEMA
from mtl_core.evaluation import evaluate, trivial_predictions
from mtl_core.export.signature import signature
from mtl_core.gates import Check, write_checks
from mtl_core.problem import Problem, parse_problem
from mtl_core.report import Paths, read_run, render
from mtl_core.report.run import Run

ROWS = 900
LONG = "a_task_with_a_name_that_goes_on_" + "and_on_" * 7 + "till_it_ends"
SCRIPT = "<script>alert(1)</script>"
IMAGE = '"><img src=http://example.org/x onerror=alert(1)>'
CHOSEN = 3

DOCUMENT: dict[str, Any] = {
    "name": "made-up",
    "data": {"path": "data"},
    "split": {"by": "column", "column": "part"},
    "features": {"colour": {"kind": "categorical", "column": SCRIPT}, "size": {"kind": "numeric"}},
    "tasks": {
        "late": {"kind": "binary", "target": "minutes", "at_least": 0},
        "band": {"kind": "multiclass", "target": "minutes", "edges": [-1, 1], "classes": ["low", SCRIPT, IMAGE]},
        LONG: {"kind": "regression", "target": "minutes", "unit": "<b>minutes</b>"},
        "ghost": {"kind": "binary", "target": "ghost"},
    },
}


def table() -> pa.Table:
    """Columns of the problem; a fifth of `minutes` is missing, and all of `ghost` on the test split."""
    generator = np.random.default_rng(0)
    colour, size = generator.integers(0, 3, ROWS), generator.normal(size=ROWS)
    part = np.array(["train", "validation", "test"], dtype=object)[np.arange(ROWS) % 3]
    return pa.table(
        {
            "part": pa.array(part),
            SCRIPT: pa.array(np.array(["red", IMAGE, "blue"], dtype=object)[colour]),
            "size": pa.array(size),
            "minutes": pa.array(size + colour - 1, mask=generator.random(ROWS) < 0.2),
            "ghost": pa.array((size > 0).astype(float), mask=part == "test"),
        }
    )


@dataclass(frozen=True, kw_only=True)
class Made:
    """A folder with the artifacts, and what they were made from."""

    layout: Layout
    problem: Problem

    def run(self) -> Run:
        layout = self.layout
        paths = Paths(
            validation=layout.validation,
            encoded=layout.encoded,
            history=layout.history,
            graph=layout.graph,
            signature=layout.signature,
            checks=layout.checks,
            metrics=layout.metrics,
            evaluation=layout.evaluation,
            predictions=layout.predictions,
        )
        return read_run(self.problem, paths)

    def page(self) -> str:
        return render(self.run())

    def change(self, path: Path, change: Callable[[Any], None]) -> None:
        """Edits a JSON file in place."""
        document = json.loads(path.read_text(encoding="utf-8"))
        change(document)
        path.write_text(json.dumps(document), encoding="utf-8")


def make(folder: Path) -> Made:
    """Writes a problem's folder with all that the stages before `report` leave."""
    layout, problem = Layout(folder), parse_problem(DOCUMENT)
    (folder / "data").mkdir(parents=True)
    pq.write_table(table(), folder / "data" / "rows.parquet")
    (folder / "params.yaml").write_text(json.dumps(DOCUMENT), encoding="utf-8")
    _write_validation(layout)
    # One row was set aside for two reasons.
    prepare(folder, problem, layout.quarantine, layout.encoded)
    encoder = Encoder.load(layout.encoder)
    _write_json(layout.history, history())
    _write_json(layout.signature, signature(problem, encoder, b"graph"))
    layout.graph.write_bytes(b"graph")
    _write_test(layout, encoder)
    return Made(layout=layout, problem=problem)


def history() -> dict[str, Any]:
    """Four epochs: `late` stops after the second and is held, `ghost` is never defined, the rest go on to the end."""
    values = {
        "late": [0.7, 0.8, 0.79, 0.78],
        "band": [1.0, 0.9, 0.8, None],
        LONG: [3.0, 2.0, 1.0, 1.5],
        "ghost": [None] * 4,
    }
    epochs = []
    for place in range(4):
        now = {task: series[place] for task, series in values.items()}
        epochs.append(
            {
                "number": place + 1,
                "losses": dict.fromkeys(values, 0.5) | {"ghost": None},
                "values": now,
                "scores": {task: v if task == "late" or v is None else -v for task, v in now.items()},
                "stopped": ["late"] if place == 1 else ["ghost"] if place == 3 else [],
                "held": ["late"] if place > 1 else [],
                "seconds": 1.0,
            }
        )
    errors = {"late": 0.01, "band": 0.02, LONG: 0.1, "ghost": 1.0}
    return {"epochs": epochs, "chosen": CHOSEN, "standard_errors": errors, "parameters": 12_345}


def _write_validation(layout: Layout) -> None:
    lines = [
        {"part": "rows.parquet", "row": 0, "column": "size", "expectation": SCRIPT, "value": IMAGE},
        {"part": "rows.parquet", "row": 0, "column": "minutes", "expectation": "is there", "value": None},
    ]
    part = {"part": "rows.parquet", "passed": True, "rows": ROWS, "set_aside": 1, "problems": [], "expectations": []}
    result = {"passed": True, "suite": "gx/expectations/made-up.json", "rows": ROWS, "set_aside": 1, "parts": [part]}
    _write_json(layout.validation / "result.json", result)
    pq.write_table(pa.Table.from_pylist(lines, schema=SCHEMA), layout.quarantine)


def predictions(labels: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Near the truth, with one that is not finite."""
    generator, rows = np.random.default_rng(1), len(labels["late"])
    chance = np.clip(0.5 + 0.3 * (labels["late"] == 1) + 0.1 * generator.normal(size=rows), 0.01, 0.99)
    band = generator.dirichlet([2, 2, 2], rows) + np.eye(3)[labels["band"]]
    minutes = np.nan_to_num(labels[LONG]) * 0.7 + 0.2 * generator.normal(size=rows)
    minutes[np.flatnonzero(~np.isnan(labels[LONG]))[0]] = np.inf
    found = {"late": chance, "band": band / 2, LONG: minutes, "ghost": chance}
    return {name: values.astype(np.float32) for name, values in found.items()}


def _write_test(layout: Layout, encoder: Encoder) -> None:
    labels = encoder.labels(pq.read_table(layout.encoded / "test.parquet"))
    predicted = predictions(labels)
    columns = {f"label/{name}": pa.array(values) for name, values in labels.items()}
    for name, values in predicted.items():
        flat = values.ndim == 1
        columns[f"prediction/{name}"] = (
            pa.array(values) if flat else pa.FixedSizeListArray.from_arrays(values.ravel(), values.shape[1])
        )
    pq.write_table(pa.table(columns), layout.predictions)
    finite = {name: np.where(np.isfinite(values), values, 0) for name, values in predicted.items()}
    measured = evaluate(encoder.tasks, labels, finite, resamples=20)
    train = {task.name: np.load(layout.encoded / "train" / "labels" / f"{task.name}.npy") for task in encoder.tasks}
    trivial = evaluate(
        encoder.tasks, labels, trivial_predictions(encoder.tasks, train, len(labels["late"])), resamples=0
    )
    rows = {
        task: {m: asdict(v) | {"trivial": trivial[task][m].value} for m, v in metrics.items()}
        for task, metrics in measured.items()
    }
    values = {task: {m: v["value"] for m, v in metrics.items()} for task, metrics in rows.items()}
    _write_json(layout.evaluation, rows)
    _write_json(layout.metrics, {"validation": values, "test": values})
    write_checks(layout.checks, checks(), [f"a note with {SCRIPT}"])


def checks() -> list[Check]:
    """One of every sort; all pass but the last, which is about a task that has no test labels."""
    over = "(lower end of the paired 95% interval)"
    return [
        Check(name="late.auc", value=0.9, limit=0.8, rule="at least", unit=""),
        Check(name="late.auc over trivial", value=0.3, limit=0.0, rule="at least", unit=over),
        Check(name=f"{LONG}.mae over trivial", value=-0.1, limit=-0.2, rule="at least", unit=over),
        Check(name="parity", value=2e-6, limit=1e-4, rule="at most", unit=f"of the scale of {LONG}"),
        Check(name="latency of 1 row", value=0.25, limit=5, rule="at most", unit="ms"),
        Check(name="a gate of tomorrow", value=1, limit=2, rule="at most", unit=IMAGE.replace(" ", "")),
        Check(name="ghost.auc over trivial", value=float("nan"), limit=0.0, rule="at least", unit=over),
    ]


def _write_json(path: Path, document: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(_null(document)), encoding="utf-8")


def _null(value: Any) -> Any:
    """JSON as the stages write it: an undefined number is null."""
    if isinstance(value, dict):
        return {key: _null(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_null(inner) for inner in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
