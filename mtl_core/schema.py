"""Reflection on pydantic models and discriminated unions: members, tags, and the type at a path."""

from types import UnionType
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel

TAGS = ("kind", "method", "by")
"""Names of the fields that discriminate unions."""
KEY = "[key]"
"""Step of pydantic to the key of a mapping instead of its value."""


class Entry(NamedTuple):
    """Declared type and default of a field; the default is None where there is none."""

    type: Any
    default: Any


def members(declared: Any) -> list[type[BaseModel]]:
    """The models that a declared type may be, in order: one of a section, several of a union, none of anything else."""
    if isinstance(declared, type):
        return [declared] if issubclass(declared, BaseModel) else []
    return [model for argument in get_args(declared) for model in members(argument)]


def tag_key(model: type[BaseModel]) -> str | None:
    """The name of a model's discriminating field; None where it has none."""
    return next((name for name in TAGS if name in model.model_fields), None)


def tag_of(model: type[BaseModel]) -> Any:
    """The value of a model's discriminating field; None where it has none."""
    key = tag_key(model)
    return get_args(model.model_fields[key].annotation)[0] if key else None


def tagged(union: Any) -> dict[str, type[BaseModel]]:
    """Tag -> member of a discriminated union, in order."""
    return {tag_of(member): member for member in members(union)}


def bare(declared: Any) -> Any:
    """A declared type without its annotations; of an optional type the type itself."""
    if get_origin(declared) is Annotated:
        return bare(get_args(declared)[0])
    given = [argument for argument in get_args(declared) if argument is not type(None)]
    return given[0] if is_union(declared) and len(given) == 1 else declared


def is_union(declared: Any) -> bool:
    """True for a union, in either spelling."""
    return isinstance(declared, UnionType) or get_origin(declared) is Union


def plain_types(declared: Any) -> set[Any]:
    """The type, or those of a union, without annotations."""
    if get_origin(declared) is Annotated:
        return plain_types(get_args(declared)[0])
    return set().union(*map(plain_types, get_args(declared))) if is_union(declared) else {declared}


def entry(declared: Any, step: int | str, tag: Any = None) -> Entry | None:
    """The field of a section, value of a mapping or item of a list at that step; None where the type has none.

    Args:
        tag: chooses the member of a union; without it the first member that has the field counts.
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
    """Splits the location of a pydantic error into the path in the file and the innermost declared type.

    A location has more steps than the file: the tag of a union's member, the type that was tried, `[key]`.
    """
    path: list[int | str] = []
    expected: Any = model
    for step in loc:
        expected = bare(expected)
        if is_union(expected):
            expected = next((member for member in members(expected) if tag_of(member) == step), expected)
        elif inner := entry(expected, step):
            path.append(step)
            expected = inner.type
        elif isinstance(expected, type) and issubclass(expected, BaseModel):
            path.append(step)
    return path, expected
