"""Reflection on pydantic models and discriminated unions: members, tags, and the type at a path."""

from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

__all__ = ["TAGS", "bare", "is_union", "locate", "members", "tag_key", "tag_of", "tagged"]

TAGS = ("kind", "method", "by")
"""Names of the fields that discriminate unions."""


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


def locate(model: type[BaseModel], loc: tuple[int | str, ...]) -> tuple[list[int | str], Any]:
    """Splits the location of a pydantic error into the path in the file and the innermost declared type.

    A location has more steps than the file: the tag of a union's member, the type that was tried, `[key]`.
    """
    path: list[int | str] = []
    expected: Any = model
    for step in loc:
        expected = bare(expected)
        if isinstance(expected, type) and issubclass(expected, BaseModel):
            path.append(step)
            if step in expected.model_fields:
                expected = expected.model_fields[str(step)].annotation
        elif get_origin(expected) is dict and step != "[key]":
            path.append(step)
            expected = get_args(expected)[1]
        elif get_origin(expected) is tuple:
            path.append(step)
            expected = get_args(expected)[0]
        else:
            expected = next((member for member in members(expected) if tag_of(member) == step), expected)
    return path, expected
