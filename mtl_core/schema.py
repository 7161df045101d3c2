"""Reflection on pydantic models and discriminated unions: members, tags, and the type at a path."""

from types import UnionType
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel

TAGS = ("kind", "method", "by")
"""Names of the fields that discriminate unions."""
KEY = "[key]"
"""Step in pydantic's locations to the key of a mapping, instead of its value."""


class Entry(NamedTuple):
    """Declared type and default of a field; the default may be None."""

    type: Any
    default: Any


def members(declared: Any) -> list[type[BaseModel]]:
    """The models of a declared type, in order: one for a section, several for a union, none for any other type."""
    if isinstance(declared, type):
        return [declared] if issubclass(declared, BaseModel) else []
    return [model for argument in get_args(declared) for model in members(argument)]


def tag_key(model: type[BaseModel]) -> str | None:
    """Name of a model's discriminating field; None if it has none."""
    return next((name for name in TAGS if name in model.model_fields), None)


def tag_of(model: type[BaseModel]) -> Any:
    """Value of a model's discriminating field; None if it has none."""
    key = tag_key(model)
    return get_args(model.model_fields[key].annotation)[0] if key else None


def tagged(union: Any) -> dict[str, type[BaseModel]]:
    """Tag -> member of a discriminated union, in order."""
    return {tag_of(member): member for member in members(union)}


def bare(declared: Any) -> Any:
    """A declared type without annotations, and without None if that leaves a single type."""
    if get_origin(declared) is Annotated:
        return bare(get_args(declared)[0])
    arguments = [argument for argument in get_args(declared) if argument is not type(None)]
    return arguments[0] if is_union(declared) and len(arguments) == 1 else declared


def is_union(declared: Any) -> bool:
    """True for a union, in either spelling."""
    return isinstance(declared, UnionType) or get_origin(declared) is Union


def plain_types(declared: Any) -> set[Any]:
    """The type, or the types of a union, without annotations."""
    if get_origin(declared) is Annotated:
        return plain_types(get_args(declared)[0])
    return set().union(*map(plain_types, get_args(declared))) if is_union(declared) else {declared}


def entry(declared: Any, step: int | str, tag: Any = None) -> Entry | None:
    """Type and default at a step: field of a section, value of a mapping or item of a list; None if there is none.

    Args:
        tag: selects the member of a union; by default the first member that has the field.
    """
    declared = bare(declared)
    if get_origin(declared) is dict:
        return None if step == KEY else Entry(get_args(declared)[1], None)
    if get_origin(declared) is tuple:
        return Entry(get_args(declared)[0], None) if isinstance(step, int) else None
    for member in members(declared):
        if step in member.model_fields and (tag is None or step == tag_key(member) or tag_of(member) == tag):
            field = member.model_fields[str(step)]
            return Entry(field.annotation, field.get_default(call_default_factory=True))
    return None


def locate(model: type[BaseModel], loc: tuple[int | str, ...]) -> tuple[list[int | str], Any]:
    """The path in the file and the innermost declared type of a pydantic error's location.

    A location has more steps than the file: the tag of a union's member, the type of a failed attempt, `[key]`.
    """
    path: list[int | str] = []
    expected: Any = model
    for step in loc:
        expected = bare(expected)
        if is_union(expected):
            expected = next((member for member in members(expected) if tag_of(member) == step), expected)
        elif child := entry(expected, step):
            path.append(step)
            expected = child.type
        elif isinstance(expected, type) and issubclass(expected, BaseModel):
            path.append(step)
    return path, expected
