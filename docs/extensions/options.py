"""Reference of params.yaml, written from the pydantic models of `mtl_core.config` before every build."""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from sphinx.application import Sphinx

from mtl_core.config import Problem
from mtl_core.schema import TAGS, bare, is_union, members, tag_key, tag_of

TARGET = "_generated/params.md"
TYPE_NAMES = {str: "text", int: "integer", float: "number", bool: "boolean", NoneType: "null", dict: "mapping"}
KEYS = {"stopping.tasks": "TASK", "features": "NAME", "tasks": "NAME", "teachers": "TASK", "space": "OPTION"}
"""Mapping -> placeholder for its keys in a path."""
BOUNDS = {"ge": "at least {}", "gt": "above {}", "le": "at most {}", "lt": "below {}"}


def reference() -> str:
    """Markdown with a section per model, from `params.yaml`'s top level inwards."""
    return "\n".join(section(Problem, "", 2)) + "\n"


def section(model: type[BaseModel], path: str, level: int) -> Iterator[str]:
    """Lines of the options of a model at a path of the file, then of the models inside it."""
    yield from entries(model, path, tuple(model.model_fields))
    yield from inner_sections(model, path, tuple(model.model_fields), level)


def inner_sections(model: type[BaseModel], path: str, names: tuple[str, ...], level: int) -> Iterator[str]:
    """Lines of the sections that are options of a model."""
    for name in names:
        if models := members(value_type(model.model_fields[name].annotation)):
            yield from nested(models, key_path(join(path, name)), level)


def nested(models: list[type[BaseModel]], path: str, level: int) -> Iterator[str]:
    """Lines of a section, or of every member of a union."""
    yield from (f"({anchor(path)})=", "#" * level + f" `{path}`", "")
    if len(models) == 1:
        yield from (description(models[0]), "")
        yield from section(models[0], path, level + 1)
        return
    if (key := tag_key(models[0])) is None:
        for member in models:
            yield from (description(member), "", *entries(member, path, tuple(member.model_fields)))
        return
    names = [f"[`{tag_of(member)}`](#{anchor(path, tag_of(member))})" for member in models]
    yield from (f"`{key}` is one of {', '.join(names)}.", "")
    if common := shared_options(models):
        yield from (f"Common to every `{key}`:", "", *entries(models[0], path, common))
    for number, member in enumerate(models):
        specific_options = tuple(name for name in member.model_fields if name not in (*common, key))
        new = tuple(n for n in specific_options if not any(n in earlier.model_fields for earlier in models[:number]))
        yield from (f"({anchor(path, tag_of(member))})=", "#" * (level + 1) + f" `{key}: {tag_of(member)}`", "")
        yield from (description(member), "", *entries(member, path, specific_options))
        yield from inner_sections(member, path, new, level + 2)


def shared_options(models: list[type[BaseModel]]) -> tuple[str, ...]:
    """Names of the options that every member of a union has, with the same type, default and description."""

    def facts(model: type[BaseModel], name: str) -> Any:
        field = model.model_fields.get(name)
        return field and (repr(field), docstrings(model).get(name))

    first = models[0].model_fields
    return tuple(n for n in first if n not in TAGS and len({facts(model, n) for model in models}) == 1)


def entries(model: type[BaseModel], path: str, names: tuple[str, ...]) -> Iterator[str]:
    """Lines of a definition list: option, then type, bounds, default and description."""
    texts = docstrings(model)
    for name in names:
        field = model.model_fields[name]
        facts = [*type_facts(field), default_text(field)]
        if members(value_type(field.annotation)):
            facts[0] = facts[0].replace("section", f"[section](#{anchor(key_path(join(path, name)))})", 1)
        yield f"`{join(path, name)}`"
        yield f": *{'; '.join(fact for fact in facts if fact)}*"
        if text := texts.get(name):
            yield from ("", *(f"  {line}" for line in text.splitlines()))
        yield ""


def docstrings(model: type[BaseModel]) -> dict[str, str]:
    """Option -> the string below its declaration, of the class or of the nearest base."""
    descriptions: dict[str, str] = {}
    for owner in reversed([base for base in model.__mro__ if issubclass(base, BaseModel) and base is not BaseModel]):
        (body,) = ast.parse(textwrap.dedent(inspect.getsource(owner))).body
        assert isinstance(body, ast.ClassDef)
        for statement, after in zip(body.body, body.body[1:], strict=False):
            if isinstance(statement, ast.AnnAssign) and isinstance(after, ast.Expr):
                assert isinstance(statement.target, ast.Name)
                assert isinstance(after.value, ast.Constant)
                descriptions[statement.target.id] = inspect.cleandoc(after.value.value)
    return descriptions


def description(model: type[BaseModel]) -> str:
    """The complete docstring of a model."""
    return inspect.getdoc(model) or ""


def value_type(declared: Any) -> Any:
    """The type of a mapping's values; any other type itself."""
    declared = bare(declared)
    return bare(get_args(declared)[1]) if get_origin(declared) is dict else declared


def type_facts(field: FieldInfo) -> Iterator[str]:
    """Text of the type, then of its bounds."""
    yield type_text(field.annotation)
    seen = set()
    for metadata in [*field.metadata, *inner_metadata(field.annotation)]:
        for name, template in BOUNDS.items():
            if (bound := getattr(metadata, name, None)) is not None and name not in seen:
                seen.add(name)
                yield template.format(f"{bound:,}" if isinstance(bound, int) else f"{bound:g}")


def inner_metadata(declared: Any) -> Iterator[Any]:
    """Bounds of an optional type, or of a list's items."""
    if hasattr(declared, "__metadata__"):
        for item in declared.__metadata__:
            yield from getattr(item, "metadata", [item])
        yield from inner_metadata(get_args(declared)[0])
    elif is_union(declared) or get_origin(declared) is tuple:
        for argument in get_args(declared):
            yield from inner_metadata(argument)


def type_text(declared: Any) -> str:
    """Name of a declared type in terms of YAML."""
    if hasattr(declared, "__metadata__"):
        return type_text(get_args(declared)[0])
    if get_origin(declared) is Literal:
        return " or ".join(f"`{value}`" if str(value).strip() else repr(value) for value in get_args(declared))
    if is_union(declared):
        named = dict.fromkeys(type_text(argument) for argument in get_args(declared))
        return " or ".join(named) if not all(members(argument) for argument in get_args(declared)) else "section"
    if get_origin(declared) is tuple:
        item_type = type_text(get_args(declared)[0])
        return f"list of ({item_type})" if " or " in item_type else f"list of {item_type}"
    if get_origin(declared) is dict:
        value = type_text(get_args(declared)[1])
        return f"mapping to {'sections' if value == 'section' else value}"
    if isinstance(declared, type) and issubclass(declared, BaseModel):
        return "section"
    return TYPE_NAMES.get(declared) or getattr(declared, "__name__", "value").lower()


def default_text(field: FieldInfo) -> str:
    """The default, written as in YAML."""
    default = field.get_default(call_default_factory=True, validated_data={})
    if default is PydanticUndefined:
        return "required"
    if isinstance(default, BaseModel):
        key = tag_key(type(default))
        return f"default `{{{key}: {tag_of(type(default))}}}`" if key else ""
    if default is None or default in ("", (), {}):
        return "default none"
    if isinstance(default, bool):
        return f"default `{str(default).lower()}`"
    if isinstance(default, tuple):
        return f"default `[{', '.join(str(item) for item in default)}]`"
    return f"default `{default:g}`" if isinstance(default, float) else f"default `{default}`"


def key_path(path: str) -> str:
    """Path of a section; for a mapping's sections with a placeholder for the key."""
    key = next((key for ending, key in KEYS.items() if f".{path}".endswith(f".{ending}")), "")
    return join(path, key) if key else path


def anchor(path: str, tag: str = "") -> str:
    """Identifier of a section, or of a member's section."""
    return f"option-{path}{'-' if tag else ''}{tag}".lower().replace(".", "-").replace("_", "-")


def join(path: str, name: str) -> str:
    """Dotted path of an option."""
    return f"{path}.{name}" if path else name


def write(app: Sphinx) -> None:
    """Write the reference to the file that the page includes."""
    target = Path(app.srcdir) / TARGET
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(reference(), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Entry point of a Sphinx extension."""
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True}
