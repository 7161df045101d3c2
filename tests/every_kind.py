"""A problem with a task of every kind, prepared, for tests of export and service."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.small import Small, document, prepared, table

KINDS: dict[str, dict[str, Any]] = {
    "late": {"kind": "binary", "target": "minutes", "at_least": 0, "metric": "auc"},
    "band": {"kind": "multiclass", "target": "minutes", "edges": [-1, 1], "classes": ["low", "mid", "high"]},
    "grade": {"kind": "ordinal", "target": "minutes", "edges": [-1, 0, 1], "classes": ["a", "b", "c", "d"]},
    "flags": {"kind": "multilabel", "columns": ["rare", "big"], "threshold": {"maximize": "f1"}},
    "soon": {"kind": "binary", "target": "minutes", "at_least": 1, "threshold": 0.3},
    "minutes": {"kind": "regression", "target": "minutes", "unit": "minutes"},
    "visits": {"kind": "regression", "target": "visits", "loss": "poisson"},
    "span": {"kind": "quantiles", "target": "minutes", "unit": "minutes", "levels": [0.1, 0.25, 0.5, 0.9]},
    "single": {"kind": "quantiles", "target": "minutes", "levels": [0.5]},
    "group": {"kind": "clustering", "clusters": 5},
}


@pytest.fixture(scope="session")
def every_kind(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """The problem, prepared once a session."""
    rows = table()
    size = np.nan_to_num(rows["size"].to_numpy())
    rows = rows.append_column("big", pa.array((size > 0).astype(float)))
    rows = rows.append_column("visits", pa.array(np.floor(np.exp(size))))
    return prepared(tmp_path_factory.mktemp("every_kind"), document() | {"tasks": KINDS}, rows)
