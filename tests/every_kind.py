"""A problem with a task of every kind, prepared, for what comes after: the graph, its parity, its service."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mtl_core.config import Problem, parse_problem
from mtl_core.data.encoder import Encoder
from mtl_core.data.prepare import prepare
from tests.small import document, table

__all__ = ["KINDS", "make_every_kind"]

KINDS: dict[str, dict[str, Any]] = {
    "late": {"kind": "binary", "target": "minutes", "at_least": 0},
    "band": {"kind": "multiclass", "target": "minutes", "edges": [-1, 1], "classes": ["low", "mid", "high"]},
    "grade": {"kind": "ordinal", "target": "minutes", "edges": [-1, 0, 1], "classes": ["a", "b", "c", "d"]},
    "flags": {"kind": "multilabel", "columns": ["rare", "big"]},
    "minutes": {"kind": "regression", "target": "minutes", "unit": "minutes"},
    "visits": {"kind": "regression", "target": "visits", "loss": "poisson"},
    "span": {"kind": "quantiles", "target": "minutes", "unit": "minutes", "levels": [0.1, 0.25, 0.5, 0.9]},
    "single": {"kind": "quantiles", "target": "minutes", "levels": [0.5]},
    "group": {"kind": "clustering", "clusters": 5},
}


def make_every_kind(folder: Path) -> tuple[Problem, Encoder, pa.Table]:
    """Writes the data below `folder` and prepares them; returns the raw rows of the test split too."""
    rows = table()
    size = np.nan_to_num(rows["size"].to_numpy())
    rows = rows.append_column("big", pa.array((size > 0).astype(float)))
    rows = rows.append_column("visits", pa.array(np.floor(np.exp(size))))
    (folder / "data").mkdir()
    pq.write_table(rows, folder / "data" / "part.parquet")
    nothing = folder / "quarantine.parquet"
    pq.write_table(pa.table({"part": pa.array([], pa.string()), "row": pa.array([], pa.int64())}), nothing)
    problem = parse_problem(document() | {"tasks": KINDS})
    prepare(folder, problem, nothing, folder / "encoded")
    encoder = Encoder.load(folder / "encoded" / "encoder.json")
    return problem, encoder, pq.read_table(folder / "encoded" / "test.parquet")
