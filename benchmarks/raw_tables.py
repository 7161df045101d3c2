"""The table of a problem for its peers: raw columns, dates as parts, and the labels of the tasks."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from drafted import DraftedProblem
from suite import SPLIT

from mtl_core.files import write_text
from mtl_core.tasks import Objective

PARTS = ("train", "validation", "test")
DATE_PARTS = (pc.year, pc.month, pc.day, pc.day_of_week, pc.day_of_year, pc.hour)
LOSSES = {"rmse": "squared", "r2": "squared", "mae": "absolute", "poisson_deviance": "poisson"}
"""A task's own metric -> the loss of a peer."""


def spec_of(task: Objective) -> dict[str, Any]:
    """The task as read by peers/raw_table.py. Exits for a kind that the peers do not support."""
    kind = task.codec.kind
    if kind == "binary":
        return {"kind": "binary", "classes": 2, "loss": ""}
    if kind in ("multiclass", "ordinal"):
        return {"kind": "classes", "classes": len(task.codec.classes), "loss": ""}
    if kind == "regression":
        return {"kind": "number", "classes": 0, "loss": LOSSES[task.metric.name]}
    raise SystemExit(f"task {task.name!r}: peers need a binary, class or regression task, found {kind}")


def write_raw_table(problem: DraftedProblem, folder: Path) -> None:
    """Write table.npz and tasks.json into `folder`: all rows in the order of their split, then of the source."""
    table = pq.read_table(problem.suite.table())
    ordered = pa.concat_tables([table.filter(pc.equal(table[SPLIT], part)) for part in PARTS]).combine_chunks()
    numbers: list[np.ndarray] = []
    codes: list[np.ndarray] = []
    levels: list[int] = []
    for name in ordered.column_names:
        if name in (SPLIT, *problem.suite.targets):
            continue
        values = ordered[name].combine_chunks()
        if pa.types.is_temporal(values.type):
            numbers += [_number(values.cast("timestamp[s]").cast(pa.int64()))]
            numbers += [_number(part(values.cast("timestamp[s]"))) for part in DATE_PARTS]
        elif pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
            levels_of_column = np.unique(values.drop_null().to_numpy(zero_copy_only=False).astype(str))
            codes_of_column = pc.index_in(values.cast(pa.string()), value_set=pa.array(levels_of_column, pa.string()))
            codes.append(pc.fill_null(codes_of_column, -1).to_numpy().astype(np.int32))
            levels.append(len(levels_of_column))
        else:
            numbers.append(_number(values))
    sizes = [len(getattr(problem.splits, part)) for part in PARTS]
    assert sum(sizes) == len(ordered)
    arrays: dict[str, np.ndarray] = {
        "split": np.repeat(np.arange(3, dtype=np.int8), sizes),
        "numbers": np.column_stack(numbers) if numbers else np.zeros((len(ordered), 0)),
        "codes": np.column_stack(codes) if codes else np.zeros((len(ordered), 0), np.int32),
        "levels": np.array(levels, np.int64),
    }
    for number, task in enumerate(problem.tasks):
        arrays[f"y{number}"] = np.concatenate([labels_of(task, getattr(problem.splits, part)) for part in PARTS])
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "table.npz", **arrays)
    write_text(folder / "tasks.json", json.dumps([spec_of(task) for task in problem.tasks]))


def _number(values: pa.Array) -> np.ndarray:
    return pc.fill_null(pc.cast(values, pa.float64(), safe=False), float("nan")).to_numpy(zero_copy_only=False)


def labels_of(task: Objective, split: Any) -> np.ndarray:
    """(rows,) labels as numbers, NaN where unlabelled."""
    labels = split.flat_labels(task.name).numpy()
    return np.where(task.codec.labelled(labels), labels.astype(np.float64), np.nan)
