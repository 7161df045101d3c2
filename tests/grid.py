"""Grid of trunks, balancings and policies, a small covering set of it, and a tiny problem with every kind of task."""

from collections import Counter
from collections.abc import Iterable
from itertools import product
from typing import Any, get_args

import numpy as np
import pyarrow as pa

from mtl_core.config import AnyBalancing, AnyTrunk, Stopping
from mtl_core.schema import tagged
from mtl_core.tasks import AnyTask

Case = tuple[str, str, str]
"""Trunk, balancing, policy. Every problem has every kind of task."""
Pair = tuple[str, str]

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
    "words": {"kind": "tagging", "target": "spans", "metric": "sentence_accuracy"},
}
"""At least one task of each kind, with metrics that are quick to resample."""

WEIGHTS = {name: 1.0 + index / 8 for index, name in enumerate(TASKS)}
OPTIONS: dict[str, dict[str, Any]] = {"constant": {"weights": WEIGHTS}, "pbi": {"theta": 0.1}}
"""Required options of balancings; pbi's default prefers equal losses to small ones."""


STOPPED = ("late", "visits", "span", "words")
"""The tasks that stop after the second epoch, except under `joint`: no improvement is large enough for them."""


WITH_STATE = {"dwa", "excess_mtl", "famo", "gradnorm", "gradvac", "imtl_l", "inverse_loss", "uw"}
"""Balancings with a state in the checkpoint."""


def _family(balancing: str) -> str:
    kind = "aggregation" if _BALANCINGS[balancing].needs_sharing else "scalarisation"  # type: ignore[attr-defined]
    return f"{kind} with state" if balancing in WITH_STATE else kind


FAMILIES: dict[str, str] = {balancing: _family(balancing) for balancing in BALANCINGS}
"""Balancing -> whether it combines losses or gradients, and whether it has a state."""


def possible(trunk: str, balancing: str) -> bool:
    """True if the trunk has the shared parameters that the balancing needs."""
    return not (_TRUNKS[trunk].separate_inputs and _BALANCINGS[balancing].needs_sharing)  # type: ignore[attr-defined]


def policies_of(balancing: str) -> tuple[str, ...]:
    """Policies to test it with: all, or one for a balancing without state."""
    return POLICIES if balancing in WITH_STATE else (POLICIES[BALANCINGS.index(balancing) % len(POLICIES)],)


def pairs(case: Case) -> set[Pair]:
    """Pairs that a case covers: trunk and policy, trunk and family of balancings."""
    trunk, balancing, policy = case
    return {(trunk, policy), (trunk, FAMILIES[balancing])}


def covering() -> list[Case]:
    """Every balancing with its policies, on trunks such that every possible pair of `pairs` occurs.

    Greedy: a case takes the trunk with the most missing pairs, of these the least used; further cases cover the rest.
    """
    missing = set().union(*map(pairs, _all(BALANCINGS, POLICIES)))
    cases: list[Case] = []

    def add(candidates: Iterable[Case]) -> None:
        used = Counter(trunk for trunk, *_ in cases)
        cases.append(min(candidates, key=lambda case: (-len(pairs(case) & missing), used[case[0]])))
        missing.difference_update(pairs(cases[-1]))

    for balancing, policy in ((name, policy) for name in BALANCINGS for policy in policies_of(name)):
        add(_all([balancing], [policy]))
    while missing:
        add(_all(BALANCINGS, POLICIES))
    return cases


def _all(balancings: Iterable[str], policies: Iterable[str]) -> list[Case]:
    return [case for case in product(TRUNKS, balancings, policies) if possible(*case[:2])]


def document(case: Case, **training: Any) -> dict[str, Any]:
    """The tiny problem's params.yaml for one case."""
    trunk, balancing, policy = case
    stopping: dict[str, Any] = {"policy": policy, "patience": 1}
    if policy != "joint":
        stopping["tasks"] = {task: {"min_improvement": 1_000} for task in STOPPED}
    return {
        "name": "grid",
        "data": {"path": "data"},
        "split": {"by": "hash", "column": "key", "validation": 0.2, "test": 0.2},
        "features": {"colour": {"kind": "categorical"}, "size": {"kind": "numeric"}, "text": {"kind": "text"}},
        "tasks": TASKS,
        "model": {
            "members": 1,
            "embedding": 4,
            "text": {"kind": "conv", "width": 8, "embedding": 8, "layers": 1},
            "trunk": small_trunk(trunk),
            "head": {"width": 0},
        },
        "training": {
            "epochs": 3,
            "batch_size": 128,
            "learning_rate": 0.04,
            "threads": 1,
            "balancing": {"method": balancing, **OPTIONS.get(balancing, {})},
            "stopping": stopping,
            **training,
        },
    }


def small_trunk(kind: str) -> dict[str, Any]:
    """Options of a trunk with eight units per layer, whatever the names of its widths."""
    fields = _TRUNKS[kind].model_fields
    sizes = {name: field.get_default() for name, field in fields.items() if "width" in name}
    small = {name: [8] * len(size) if isinstance(size, tuple) else 8 for name, size in sizes.items()}
    return {"kind": kind, "dropout": 0.1, **small}


def table(rows: int = 500, seed: int = 0) -> pa.Table:
    """Columns key, colour, size, minutes (a fifth null), visits, tags, group, text, spans (a fifth null)."""
    generator = np.random.default_rng(seed)
    colour, size = generator.integers(0, 3, rows), generator.normal(size=rows)
    minutes = 1.5 * size + colour - 1 + 0.3 * generator.normal(size=rows)
    names = np.array(["red", "green", "blue"], dtype=object)[colour]
    tags = ["|".join([name, "large"] if big else [name]) for name, big in zip(names, size > 0, strict=True)]
    spans = [[{"start": 2, "end": 2 + len(name), "label": name}] for name in names]
    return pa.table(
        {
            "key": pa.array(np.arange(rows)),
            "colour": pa.array(names),
            "size": pa.array(size),
            "minutes": pa.array(minutes, mask=generator.random(rows) < 0.2),
            "visits": pa.array(generator.poisson(np.exp(0.7 * size)).astype(float)),
            "tags": pa.array(tags),
            "group": pa.array(names),
            "text": pa.array([f"a {name}{' thing' if big else ''}" for name, big in zip(names, size > 0, strict=True)]),
            "spans": pa.array([None if row % 5 == 0 else of_row for row, of_row in enumerate(spans)]),
        }
    )
