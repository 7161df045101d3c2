"""Changes of a declared problem by dotted paths: as a search makes them, or a person with `dvc exp run -S`."""

from collections.abc import Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, get_args, get_origin

from pydantic import BaseModel

from mtl_core.errors import ProblemError, nearest
from mtl_core.schema import TAGS, members

if TYPE_CHECKING:
    from mtl_core.config.problem import Problem

__all__ = ["as_declared", "change", "changed", "value_at"]

Document = MutableMapping[str, Any]


def as_declared(problem: "Problem") -> dict[str, Any]:
    """The problem as a document: what was written, without defaults and without `tuning`."""
    return problem.model_dump(exclude_unset=True)


def changed(problem: "Problem", changes: Mapping[str, Any]) -> "Problem":
    """The problem with other values at those paths, and without `tuning`; pydantic's ValidationError, or a ProblemError
    for a path that is none.
    """
    document = as_declared(problem)
    change(document, type(problem), changes)
    return type(problem).model_validate(document)


def value_at(problem: "Problem", path: str) -> Any:
    """What is declared at that path, defaults filled in, as plain values; None where nothing is."""
    value: Any = problem.model_dump(mode="json")
    for step in path.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value


def change(document: Document, model: type[BaseModel], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Puts the values into a document in place, and returns those that were put.

    Another `kind` or `method` takes away the options that it does not know and keeps those that it does. It comes
    before what lies beside it; an option among the changes that it does not know is left out.
    """
    done: dict[str, Any] = {}
    for path in sorted(changes, key=lambda path: (path.rpartition(".")[2] not in TAGS, path.count("."))):
        parent = path.rpartition(".")[0]
        try:
            _put(document, model, path, changes[path])
        except ProblemError:
            if not any(f"{parent}.{tag}" in done for tag in TAGS):
                raise
        else:
            done[path] = changes[path]
    return {path: done[path] for path in changes if path in done}


def _put(document: Document, model: type[BaseModel], path: str, value: Any) -> None:
    """One value; ProblemError where the path is none."""
    *steps, last = path.split(".")
    node, expected, default = document, model, None
    for place, step in enumerate(steps):
        expected, default = _inside(node, expected, default, step, ".".join(steps[: place + 1]))
        if not isinstance(node.get(step), MutableMapping):
            node[step] = {}
        node = node[step]
    _inside(node, expected, default, last, path)
    if last in TAGS and last in node and node[last] != value:
        for member in members(expected):
            if value in get_args(member.model_fields[last].annotation):
                for unknown in [key for key in node if key not in member.model_fields]:
                    del node[unknown]
    node[last] = value


def _inside(node: Document, expected: Any, default: Any, step: str, path: str) -> tuple[Any, Any]:
    """Type and default of the field `step` of a mapping; a union's mapping that does not say which member it is, is
    told so, as the default says.
    """
    if get_origin(expected) is dict:
        return get_args(expected)[1], None
    models = members(expected)
    tag = next((tag for tag in TAGS if len(models) > 1 and tag in models[0].model_fields), None)
    if tag is not None:
        if tag not in node and default is not None:
            node[tag] = getattr(default, tag)
        own = [member for member in models if node.get(tag) in get_args(member.model_fields[tag].annotation)]
        models = own or models[:0] if step != tag else models
    for member in models:
        if step in member.model_fields:
            field = member.model_fields[step]
            return field.annotation, field.get_default(call_default_factory=True)
    known = list(dict.fromkeys(name for member in models for name in member.model_fields))
    raise ProblemError(f"{path}: must be a path into params.yaml, found {step!r}; {nearest(step, known)}")
