"""Validation errors of pydantic as lines: path in the file, rule, value found, nearest valid name."""

from collections.abc import Sequence
from datetime import date, datetime
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from mtl_core.config.document import RULES
from mtl_core.errors import suggestion
from mtl_core.schema import bare, is_union, locate, members, tag_of

TYPE_NAMES = {
    bool: "true or false",
    date: "a date",
    datetime: "a date with a time",
    float: "a number",
    int: "a whole number",
    str: "text",
}
"""Type -> its name in an error."""


def format_errors(error: ValidationError, model: type[BaseModel], source: str) -> str:
    """All errors, one line each."""
    # Without duplicates: pydantic reports an error for each member of a union.
    details = error.errors(include_url=False)
    lines = list(dict.fromkeys(line for detail in details for line in _line(detail, model).splitlines()))
    return list_errors(source, lines)


def list_errors(source: str, lines: Sequence[str]) -> str:
    """Number of errors in a file, then one line each."""
    head = f"{source}: {len(lines)} error" + ("s" if len(lines) > 1 else "")
    return "\n".join([head, *(f"  {line}" for line in lines)])


def _line(detail: ErrorDetails, model: type[BaseModel]) -> str:
    path, expected = locate(model, detail["loc"])
    where = ".".join(map(_step, path))
    found = f"found {detail['input']!r:.80}"
    match detail["type"]:
        case "extra_forbidden":
            return f"{where}: unknown key; {suggest_key(str(path[-1]), [expected])}"
        case "missing":
            return f"{where}: required, but missing"
        case "union_tag_invalid":
            context = detail["ctx"]
            key, tag = context["discriminator"].strip("'"), str(context["tag"])
            return f"{where}.{key}: unknown; found {tag!r}; {suggestion(tag, _quoted(context['expected_tags']))}"
        case "union_tag_not_found":
            return _no_tag(where, detail, expected)
        case "literal_error":
            return f"{where}: unknown; {found}; {suggestion(str(detail['input']), _quoted(detail['ctx']['expected']))}"
        case "value_error":
            message = str(detail["ctx"]["error"])
            return f"{where}: {message}" if where else message
        case "dict_type" | "model_type" | "model_attributes_type":
            return f"{where}: must be a mapping of names to values; {found}"
        case "tuple_type":
            return f"{where}: must be a list; {found}"
        case "string_pattern_mismatch" if rule := RULES.get(detail["ctx"]["pattern"]):
            return f"{where}: must be {rule}; {found}"
        case "too_short":
            return f"{where}: must have at least {detail['ctx']['min_length']}; {found}"
        case _ if choices := _choices(expected):
            return f"{where}: must be {' or '.join(choices)}; {found}"
        case "string_type":
            return f"{where}: must be text; {found}"
        case _:
            return f"{where}: {detail['msg'][0].lower()}{detail['msg'][1:]}; {found}"


def _step(step: int | str) -> str:
    text = str(step)
    return text if text and text.isprintable() else repr(text)


def suggest_key(key: str, models: Sequence[type[BaseModel]]) -> str:
    """Fix for a key that none of the models has: the new name of a renamed key, else the nearest valid name."""
    for model in models:
        if name := getattr(model, "renamed", {}).get(key):
            return f"it is called {name!r} now, rename it"
    return suggestion(key, list(dict.fromkeys(name for model in models for name in model.model_fields)))


def _no_tag(where: str, detail: ErrorDetails, union: Any) -> str:
    """Error line for a missing or misspelt tag of a union."""
    key, section = detail["ctx"]["discriminator"].strip("'"), detail["input"]
    if isinstance(section, dict) and (close := get_close_matches(key, map(str, section), n=1)):
        return f"{where}.{close[0]}: unknown key; did you mean {key!r}?"
    tags = [str(tag_of(member)) for member in members(union)]
    return f"{where}.{key}: required, but missing; valid: {', '.join(tags)}"


def _choices(expected: Any) -> list[str]:
    """Names of the plain types of a union; none for any other type."""
    return [TYPE_NAMES[kind] for kind in get_args(expected) if kind in TYPE_NAMES] if is_union(bare(expected)) else []


def _quoted(names: str) -> list[str]:
    """Names from pydantic's enumeration of quoted names."""
    return [name.strip(" '") for name in names.replace(" or ", ", ").split(",")]
