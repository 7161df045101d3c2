"""Options of a declared problem by dotted paths, as a search and `dvc exp run -S` set them."""

from collections.abc import Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, get_origin

from pydantic import BaseModel

from mtl_core.config.messages import suggest_key
from mtl_core.errors import ProblemError
from mtl_core.schema import TAGS, Entry, entry, members, tag_key, tag_of

if TYPE_CHECKING:
    from mtl_core.config.problem import Problem

Document = MutableMapping[str, Any]


def to_document(problem: "Problem") -> dict[str, Any]:
    """The problem as a document of the options that were given, without defaults and without `tuning`."""
    return problem.model_dump(exclude_unset=True)


def with_options(problem: "Problem", options: Mapping[str, Any]) -> "Problem":
    """The problem with other values at the given paths, and without `tuning`.

    Raises:
        pydantic.ValidationError: the values make no valid problem.
        ProblemError: a path names no option.
    """
    document = to_document(problem)
    set_options(document, type(problem), options)
    return type(problem).model_validate(document)


def get_option(problem: "Problem", path: str) -> Any:
    """The value at a path, defaults included, as JSON; None if there is none."""
    value: Any = problem.model_dump(mode="json")
    for step in path.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value


def set_options(document: Document, model: type[BaseModel], options: Mapping[str, Any]) -> dict[str, Any]:
    """Set values in a document in place, and return those that were set. ProblemError for a path that is no option.

    A new `kind` or `method` is set before the other options of its section. It removes the options that its model does
    not have and keeps the others; `options` that the model does not have are ignored.
    """
    applied: dict[str, Any] = {}
    for path in sorted(options, key=lambda path: (path.rpartition(".")[2] not in TAGS, path.count("."))):
        parent = path.rpartition(".")[0]
        try:
            _set_option(document, model, path, options[path])
        except ProblemError:
            if not any(f"{parent}.{tag}" in applied for tag in TAGS):
                raise
        else:
            applied[path] = options[path]
    return {path: value for path, value in options.items() if path in applied}


def _set_option(document: Document, model: type[BaseModel], path: str, value: Any) -> None:
    *steps, last = path.split(".")
    node, declared, default = document, model, None
    for index, step in enumerate(steps):
        declared, default = _field(node, declared, default, step, ".".join(steps[: index + 1]))
        if not isinstance(node.get(step), MutableMapping):
            node[step] = {}
        node = node[step]
    _field(node, declared, default, last, path)
    if last in TAGS and node.get(last, value) != value:
        for member in members(declared):
            if tag_of(member) == value:
                for key in node.keys() - member.model_fields.keys():
                    del node[key]
    node[last] = value


def _field(node: Document, declared: Any, default: Any, step: str, path: str) -> Entry:
    """The field `step` of a mapping. A mapping without the tag of its union gets the tag of the default."""
    models, tag = members(declared), None
    if len(models) > 1 and (key := tag_key(models[0])) is not None and get_origin(declared) is not dict:
        if key not in node and default is not None:
            node[key] = getattr(default, key)
        tag = node.get(key)
    if (field := entry(declared, step, tag)) is None:
        possible = [member for member in models if tag is None or tag_of(member) == tag]
        raise ProblemError(f"{path}: must be a path into params.yaml, found {step!r}; {suggest_key(step, possible)}")
    return field
