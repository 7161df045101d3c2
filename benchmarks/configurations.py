"""Configurations compared on Census-Income and the flights: a name, and its changes of the problem's params.yaml.

A change is a path in the file and its value, or REMOVED.
"""

from collections.abc import Callable, Mapping
from typing import Any

from mtl_core.config import Problem, parse_problem
from mtl_core.config.changes import to_document

REMOVED = object()
Changes = Mapping[str, Any]
ChangesOf = Callable[[Problem], Changes]

DECLARED, TREES = "as declared", "LightGBM, a model per task"


def features_removed(*endings: str) -> ChangesOf:
    """Remove the features whose names have one of these endings."""
    return lambda problem: {f"features.{name}": REMOVED for name in problem.features if name.endswith(endings)}


def changes(**values: Any) -> ChangesOf:
    """Set options; two underscores stand for a dot in the path."""
    return lambda problem: {path.replace("__", "."): value for path, value in values.items()}


COMMON: dict[str, ChangesOf] = {
    TREES: features_removed("_value"),  # trees can split at any value of a number
    DECLARED: changes(),
}
CONFIGURATIONS: dict[str, dict[str, ChangesOf]] = {
    "census": COMMON
    | {
        "no number as a category": features_removed("_value"),
        "not taught by trees": changes(training__teachers={}),
    },
    "flights": COMMON | {"no weather of the hours before": features_removed("_6h", "_12h")},
}
"""Problem -> name -> changes."""


def with_changes(problem: Problem, changes: Changes) -> Problem:
    """A copy of the problem with the changes."""
    document = to_document(problem)
    for path, value in changes.items():
        *parents, last = path.split(".")
        section = document
        for parent in parents:
            section = section.setdefault(parent, {})
        if value is REMOVED:
            del section[last]
        else:
            section[last] = value
    return parse_problem(document)
