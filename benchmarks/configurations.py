"""Configurations tried on Census-Income and the flights: a name, and its changes of the problem's params.yaml.

A change is a path in the file and its value, or REMOVED.
"""

from collections.abc import Callable, Mapping
from typing import Any

from mtl_core.config import Problem, parse_problem
from mtl_core.config.changes import to_document

REMOVED = object()
Changes = Mapping[str, Any]
Tried = Callable[[Problem], Changes]

DECLARED, TREES = "as declared", "LightGBM, a model per task"


def features_removed(*endings: str) -> Tried:
    """Without the features whose names end so."""
    return lambda problem: {f"features.{name}": REMOVED for name in problem.features if name.endswith(endings)}


def changes(**found: Any) -> Tried:
    """Those, a dot written as two underscores."""
    return lambda problem: {path.replace("__", "."): value for path, value in found.items()}


BOTH: dict[str, Tried] = {
    TREES: features_removed("_value"),  # they see every value of a number as it is
    DECLARED: changes(),
}
TRIED: dict[str, dict[str, Tried]] = {
    "census": BOTH
    | {
        "no number as a category": features_removed("_value"),
        "not taught by trees": changes(training__teachers={}),
    },
    "flights": BOTH | {"no weather of the hours before": features_removed("_6h", "_12h")},
}
"""Problem -> name -> changes."""


def as_tried(problem: Problem, found: Changes) -> Problem:
    """The problem with those changes."""
    document = to_document(problem)
    for path, value in found.items():
        *parents, last = path.split(".")
        place = document
        for parent in parents:
            place = place.setdefault(parent, {})
        if value is REMOVED:
            del place[last]
        else:
            place[last] = value
    return parse_problem(document)
