"""A small declared problem, and changes of it."""

import copy
from typing import Any

BASE: dict[str, Any] = {
    "name": "orders",
    "data": {"path": "data"},
    "split": {"by": "hash", "column": "customer"},
    "features": {"amount": {"kind": "numeric"}, "shop": {"kind": "categorical"}},
    "tasks": {"returned": {"kind": "binary", "target": "returned"}, "days": {"kind": "regression", "target": "days"}},
}
TIME = {"by": "time", "column": "day", "validation": "2024-02-01", "test": "2024-03-01"}


def changed(path: str, value: Any, base: dict[str, Any] = BASE) -> dict[str, Any]:
    """A document with another value at a dotted path; `...` removes it."""
    document = copy.deepcopy(base)
    *steps, last = path.split(".")
    section = document
    for step in steps:
        section = section.setdefault(step, {})
    if value is ...:
        del section[last]
    else:
        section[last] = value
    return document


def merged(changes: dict[str, Any]) -> dict[str, Any]:
    """BASE with several changes, each as `changed` takes it."""
    document = BASE
    for path, value in changes.items():
        document = changed(path, value, document)
    return document
