"""A small declared problem, and changes of it."""

import copy
from typing import Any

__all__ = ["BASE", "TIME", "changed"]

BASE: dict[str, Any] = {
    "name": "orders",
    "data": {"path": "data"},
    "split": {"by": "hash", "column": "customer"},
    "features": {"amount": {"kind": "numeric"}, "shop": {"kind": "categorical"}},
    "tasks": {"returned": {"kind": "binary", "target": "returned"}, "days": {"kind": "regression", "target": "days"}},
}
TIME = {"by": "time", "column": "day", "validation": "2024-02-01", "test": "2024-03-01"}


def changed(path: str, value: Any) -> dict[str, Any]:
    """BASE with another value at a dotted path; `...` takes it away."""
    document = copy.deepcopy(BASE)
    *steps, last = path.split(".")
    inner = document
    for step in steps:
        inner = inner.setdefault(step, {})
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    return document
