"""A small problem, in memory and on disk: three kinds of task on 1,200 rows from which a network can learn."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mtl_core.config import Problem, parse_problem
from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.encoder import Encoder
from mtl_core.data.prepare import prepare
from mtl_core.tasks import Objective, objectives
from mtl_core.validation.results import write_quarantine

ROWS = 1_200


def document(**training: Any) -> dict[str, Any]:
    """The small problem's params.yaml, with changes under `training`."""
    return {
        "name": "small",
        "data": {"path": "data"},
        "split": {"by": "hash", "column": "key", "validation": 0.2, "test": 0.2},
        "features": {"colour": {"kind": "categorical"}, "size": {"kind": "numeric"}, "weight": {"kind": "numeric"}},
        "tasks": {
            "late": {"kind": "binary", "target": "minutes", "at_least": 0, "metric": "auc"},
            "band": {"kind": "multiclass", "target": "minutes", "edges": [-1, 1], "classes": ["low", "mid", "high"]},
            "minutes": {"kind": "regression", "target": "minutes", "unit": "minutes"},
            "rare": {"kind": "binary", "target": "rare", "metric": "auc"},
        },
        "model": {
            "members": 1,
            "embedding": 4,
            "trunk": {"kind": "shared_bottom", "widths": [16], "dropout": 0.1},
            "head": {"width": 8, "dropout": 0.1},
        },
        "training": {"epochs": 6, "batch_size": 64, "learning_rate": 0.01, "threads": 1, **training},
    }


def table(rows: int = ROWS, seed: int = 0) -> pa.Table:
    """Columns key, colour, size, weight, minutes (a fifth null), rare (nine tenths null)."""
    generator = np.random.default_rng(seed)
    colour = generator.integers(0, 4, rows)
    size = generator.normal(size=rows)
    minutes = size + colour - 1.5 + 0.3 * generator.normal(size=rows)
    rare = (minutes > 1).astype(float)
    return pa.table(
        {
            "key": pa.array(np.arange(rows)),
            "colour": pa.array(np.array(["red", "green", "blue", "white"], dtype=object)[colour]),
            "size": pa.array(size, mask=generator.random(rows) < 0.05),
            "weight": pa.array(np.exp(generator.normal(size=rows))),
            "minutes": pa.array(minutes, mask=generator.random(rows) < 0.2),
            "rare": pa.array(rare, mask=generator.random(rows) < 0.9),
        }
    )


@dataclass(frozen=True, kw_only=True)
class Small:
    """The small problem, prepared."""

    folder: Path
    problem: Problem
    encoder: Encoder
    train: EncodedSplit
    validation: EncodedSplit
    raw_test: pa.Table

    @property
    def tasks(self) -> tuple[Objective, ...]:
        """The objectives of its tasks."""
        return objectives(self.problem.tasks, self.encoder.tasks)

    def declared(self, **training: Any) -> Problem:
        """The same problem with changes under `training`."""
        return parse_problem(document(**training))


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """The small problem, prepared once a session."""
    return prepared(tmp_path_factory.mktemp("small"), document(), table())


def prepared(folder: Path, declared: dict[str, Any], rows: pa.Table) -> Small:
    """The problem that `declared` gives, with these rows as data, prepared below `folder`."""
    (folder / "data").mkdir()
    pq.write_table(rows, folder / "data" / "part.parquet")
    quarantine = folder / "quarantine.parquet"
    write_quarantine(quarantine, ())
    problem = parse_problem(declared)
    prepare(folder, problem, quarantine, folder / "encoded")
    encoder = Encoder.load(folder / "encoded" / "encoder.json")
    train, validation = (EncodedSplit.open(folder / "encoded" / name, encoder) for name in ("train", "validation"))
    raw_test = pq.read_table(folder / "encoded" / "test.parquet")
    return Small(folder=folder, problem=problem, encoder=encoder, train=train, validation=validation, raw_test=raw_test)
