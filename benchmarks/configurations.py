"""What was tried on Census-Income and the flights: a name, and what it changes in the problem's params.yaml.

A change is a path in the file and its value, or REMOVED. EMBEDDINGS_OF_1 is none of the file's: it is how the initial
embeddings are drawn, which nobody declares.
"""

from collections.abc import Callable, Mapping
from typing import Any

from mtl_core.config import Problem, parse_problem
from mtl_core.config.changes import to_document

__all__ = ["DECLARED", "EMBEDDINGS_OF_1", "TREES", "TRIED", "Changes", "as_tried"]

REMOVED = object()
Changes = Mapping[str, Any]
Tried = Callable[[Problem], Changes]

DECLARED, EMBEDDINGS_OF_1, TREES = "as declared", "embeddings begin at 1", "LightGBM, a model per task"


def each_number(option: str, value: Any) -> Tried:
    """That option of every numeric feature."""
    return lambda problem: {
        f"features.{name}.{option}": value for name, feature in problem.features.items() if feature.kind == "numeric"
    }


def features_removed(*endings: str) -> Tried:
    """Without the features whose names end so."""
    return lambda problem: {f"features.{name}": REMOVED for name in problem.features if name.endswith(endings)}


def changes(**found: Any) -> Tried:
    """Those, a dot written as two underscores."""
    return lambda problem: {path.replace("__", "."): value for path, value in found.items()}


BOTH: dict[str, Tried] = {
    TREES: features_removed("_value"),  # they see every value of a number as it is
    DECLARED: changes(),
    "numbers without pieces": each_number("bins", 0),
    "the last weights": changes(training__average_weights=False),
    EMBEDDINGS_OF_1: changes(),
    "learning rate .002": changes(training__learning_rate=0.002),
}
TRIED: dict[str, dict[str, Tried]] = {
    "census": BOTH
    | {
        "no number as a category": features_removed("_value"),
        "trunk dropout .2": changes(model__trunk__dropout=0.2),
        "embedding 16": changes(model__embedding=16),
        "not taught by trees": changes(training__teachers={}),
        f"not taught by trees, {EMBEDDINGS_OF_1}": changes(training__teachers={}),
        "trunk 128-64": changes(model__trunk__widths=[128, 64]),
    },
    "flights": BOTH
    | {
        "no weather of the hours before": features_removed("_6h", "_12h"),
        "with the flight's number": changes(features__flight={"kind": "categorical"}),
        "trunk dropout .4": changes(model__trunk__dropout=0.4),
        "air_time weighs 3": changes(tasks__air_time__weight=3.0),
        "air_time taught by trees": changes(training__teachers={"air_time": {"kind": "boosted"}}),
    },
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
