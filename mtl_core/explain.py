"""Says what is wrong with a declared problem: path in the file, rule, value found, nearest valid name."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

__all__ = ["explain", "nearest"]

KINDS = {
    bool: "true or false",
    date: "a date",
    datetime: "a date with a time",
    float: "a number",
    int: "a whole number",
    str: "text",
}
"""Python's types in the words of a file."""


def nearest(found: str, known: Sequence[str]) -> str:
    """`did you mean 'x'?`, or all valid names where none is near."""
    close = get_close_matches(found, known, n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else "valid: " + ", ".join(known)


def explain(error: ValidationError, model: type[BaseModel], source: str) -> str:
    """One line per mistake, all of them at once."""
    # The same line twice: pydantic reports every member of a union that did not fit.
    details = error.errors(include_url=False)
    lines = list(dict.fromkeys(line for detail in details for line in _line(detail, model).splitlines()))
    head = f"{source}: {len(lines)} mistake" + ("s" if len(lines) > 1 else "")
    return "\n".join([head, *(f"  {line}" for line in lines)])


def _line(detail: ErrorDetails, model: type[BaseModel]) -> str:
    path, expected = _walk(model, detail["loc"])
    where = ".".join(str(step) for step in path)
    found = f"found {detail['input']!r:.80}"
    match detail["type"]:
        case "extra_forbidden":
            return f"{where}: unknown key; {nearest(str(path[-1]), list(expected.model_fields))}"
        case "missing":
            return f"{where}: required, but not there"
        case "union_tag_invalid":
            context = detail["ctx"]
            key, tag = context["discriminator"].strip("'"), str(context["tag"])
            return f"{where}.{key}: unknown; found {tag!r}; {nearest(tag, _quoted(context['expected_tags']))}"
        case "union_tag_not_found":
            return _no_tag(where, detail, expected)
        case "literal_error":
            return f"{where}: unknown; {found}; {nearest(str(detail['input']), _quoted(detail['ctx']['expected']))}"
        case "value_error":
            message = str(detail["ctx"]["error"])
            return f"{where}: {message}" if where else message
        case "dict_type" | "model_type" | "model_attributes_type":
            return f"{where}: must be a mapping of names to values; {found}"
        case "tuple_type":
            return f"{where}: must be a list; {found}"
        case "too_short":
            return f"{where}: must have at least {detail['ctx']['min_length']}; {found}"
        case _ if choices := _choices(expected):
            return f"{where}: must be {' or '.join(choices)}; {found}"
        case "string_type":
            return f"{where}: must be text; {found}"
        case _:
            return f"{where}: {detail['msg'][0].lower()}{detail['msg'][1:]}; {found}"


def _no_tag(where: str, detail: ErrorDetails, union: Any) -> str:
    """The key that says which member of a union it is, is not there, or is misspelt."""
    key, given = detail["ctx"]["discriminator"].strip("'"), detail["input"]
    if isinstance(given, dict) and (close := get_close_matches(key, [str(name) for name in given], n=1, cutoff=0.6)):
        return f"{where}.{close[0]}: unknown key; did you mean {key!r}?"
    tags = [str(_tag(member)) for member in _models_in(union)]
    return f"{where}.{key}: required, but not there; valid: {', '.join(tags)}"


def _choices(expected: Any) -> list[str]:
    """The plain types of a union; none where it is something else."""
    return [KINDS[kind] for kind in get_args(expected) if kind in KINDS] if isinstance(expected, UnionType) else []


def _quoted(names: str) -> list[str]:
    """pydantic's enumeration of quoted names."""
    return [name.strip(" '") for name in names.replace(" or ", ", ").split(",")]


def _walk(model: type[BaseModel], loc: tuple[int | str, ...]) -> tuple[list[int | str], Any]:
    """Splits a location into the path in the file and the innermost type that the declaration names for it.

    A location has more steps than the file: the tag of a member of a union, the type that was tried, `[key]`.
    """
    path: list[int | str] = []
    expected: Any = model
    for step in loc:
        expected = _bare(expected)
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
            expected = next((member for member in _models_in(expected) if _tag(member) == step), expected)
    return path, expected


def _bare(declared: Any) -> Any:
    """The type without its annotations; of an optional section the section."""
    if get_origin(declared) is Annotated:
        return _bare(get_args(declared)[0])
    given = [member for member in get_args(declared) if member is not type(None)]
    return given[0] if isinstance(declared, UnionType) and len(given) == 1 else declared


def _tag(model: type[BaseModel]) -> Any:
    """What the discriminating field of a member of a union must say."""
    for name in ("kind", "by", "method"):
        if name in model.model_fields:
            return get_args(model.model_fields[name].annotation)[0]
    return None


def _models_in(union: Any) -> Iterator[type[BaseModel]]:
    for member in get_args(_bare(union)):
        if isinstance(member, type) and issubclass(member, BaseModel):
            yield member
