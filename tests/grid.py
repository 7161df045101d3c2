"""The grid of what a problem may choose, a covering array over it, and one tiny problem that has every kind of task."""

from itertools import product
from typing import Any, get_args

import numpy as np
import pyarrow as pa
from pydantic import BaseModel

from mtl_core.config import AnyBalancing, AnyTrunk, Stopping
from mtl_core.schema import tagged
from mtl_core.tasks import AnyTask

__all__ = ["BALANCINGS", "KINDS", "POLICIES", "TRUNKS", "covering", "document", "table"]

Case = tuple[str, str, str]
"""Trunk, balancing, policy. Every problem has every kind of task."""


_TRUNKS, _BALANCINGS = tagged(AnyTrunk), tagged(AnyBalancing)
TRUNKS, BALANCINGS, KINDS = tuple(_TRUNKS), tuple(_BALANCINGS), tuple(tagged(AnyTask))
POLICIES: tuple[str, ...] = get_args(Stopping.model_fields["policy"].annotation)

TASKS: dict[str, dict[str, Any]] = {
    "late": {"kind": "binary", "target": "minutes", "at_least": 0, "metric": "log_loss"},
    "colour_again": {"kind": "multiclass", "target": "group"},
    "tags": {"kind": "multilabel", "target": "tags", "metric": "log_loss"},
    "minutes": {"kind": "regression", "target": "minutes"},
    "visits": {"kind": "regression", "target": "visits", "loss": "poisson"},
    "steps": {"kind": "ordinal", "target": "minutes", "edges": [-1, 1], "classes": ["low", "middle", "high"]},
    "span": {"kind": "quantiles", "target": "minutes"},
    "blobs": {"kind": "clustering", "clusters": 3, "width": 4, "target": "group"},
}
"""A task of each kind at least; metrics that are quick to resample."""

WEIGHTS = {name: 1.0 + position / 8 for position, name in enumerate(TASKS)}
OPTIONS: dict[str, dict[str, Any]] = {"constant": {"weights": WEIGHTS}, "pbi": {"theta": 0.1}}
"""What a balancing cannot do without; pbi's default would rather make losses equal than small."""


def possible(trunk: str, balancing: str) -> bool:
    """Whether that balancing has something to weigh on that trunk."""
    return not (_TRUNKS[trunk].separate_inputs and _BALANCINGS[balancing].needs_sharing)  # type: ignore[attr-defined]


def covering() -> list[Case]:
    """Cases in which every possible pair of a trunk, a balancing and a policy occurs.

    Trunks and balancings are the two longest axes, so there is no shorter array than their product; the policy moves
    along both.
    """
    pairs = product(enumerate(TRUNKS), enumerate(BALANCINGS))
    return [
        (trunk, balancing, POLICIES[(i + j) % len(POLICIES)])
        for (i, trunk), (j, balancing) in pairs
        if possible(trunk, balancing)
    ]


def document(case: Case, **training: Any) -> dict[str, Any]:
    """The tiny problem's params.yaml for one case."""
    trunk, balancing, policy = case
    return {
        "name": "grid",
        "data": {"path": "data"},
        "split": {"by": "hash", "column": "key", "validation": 0.2, "test": 0.2},
        "features": {"colour": {"kind": "categorical"}, "size": {"kind": "numeric"}},
        "tasks": TASKS,
        "model": {
            "embedding": 4,
            "trunk": {"kind": trunk, "dropout": 0.1, **_small(_TRUNKS[trunk])},
            "head": {"width": 0},
        },
        "training": {
            "epochs": 4,
            "batch_size": 64,
            "learning_rate": 0.02,
            "threads": 1,
            "balancing": {"method": balancing, **OPTIONS.get(balancing, {})},
            "stopping": {"policy": policy, "patience": 1},
            **training,
        },
    }


def _small(trunk: type[BaseModel]) -> dict[str, Any]:
    """Eight units a layer, whatever the trunk calls them."""
    sizes = {name: field.get_default() for name, field in trunk.model_fields.items() if "width" in name}
    return {name: [8] * len(size) if isinstance(size, tuple) else 8 for name, size in sizes.items()}


def table(rows: int = 500, seed: int = 0) -> pa.Table:
    """Columns key, colour, size, minutes (a fifth null), visits, tags, group."""
    generator = np.random.default_rng(seed)
    colour, size = generator.integers(0, 3, rows), generator.normal(size=rows)
    minutes = 1.5 * size + colour - 1 + 0.3 * generator.normal(size=rows)
    names = np.array(["red", "green", "blue"], dtype=object)[colour]
    tags = ["|".join([name, "large"] if big else [name]) for name, big in zip(names, size > 0, strict=True)]
    return pa.table(
        {
            "key": pa.array(np.arange(rows)),
            "colour": pa.array(names),
            "size": pa.array(size),
            "minutes": pa.array(minutes, mask=generator.random(rows) < 0.2),
            "visits": pa.array(generator.poisson(np.exp(0.7 * size)).astype(float)),
            "tags": pa.array(tags),
            "group": pa.array(names),
        }
    )
