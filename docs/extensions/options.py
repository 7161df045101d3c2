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
WORDS = {str: "text", int: "integer", float: "number", bool: "boolean", NoneType: "null", dict: "mapping"}
KEYS = {"stopping.tasks": "TASK", "features": "NAME", "tasks": "NAME", "teachers": "TASK", "space": "OPTION"}
"""Mapping -> the word for its keys in a path."""
BOUNDS = {"ge": "at least {}", "gt": "above {}", "le": "at most {}", "lt": "below {}"}


def reference() -> str:
    """Markdown with a section per model, from `params.yaml`'s top level inwards."""
    return "\n".join(section(Problem, "", 2)) + "\n"


def section(model: type[BaseModel], path: str, level: int) -> Iterator[str]:
    """Lines of the options of a model, then of the models inside it. path: where the model stands in the file."""
    yield from entries(model, path, tuple(model.model_fields))
    yield from inner_sections(model, path, tuple(model.model_fields), level)


def inner_sections(model: type[BaseModel], path: str, names: tuple[str, ...], level: int) -> Iterator[str]:
    """Lines of the sections that are options of a model."""
    for name in names:
        if found := members(value_type(model.model_fields[name].annotation)):
            yield from nested(found, key_path(join(path, name)), level)


def nested(found: list[type[BaseModel]], path: str, level: int) -> Iterator[str]:
    """Lines of a section, or of every member of a union."""
    yield from (f"({anchor(path)})=", "#" * level + f" `{path}`", "")
    if len(found) == 1:
        yield from (description(found[0]), "")
        yield from section(found[0], path, level + 1)
        return
    if (key := tag_key(found[0])) is None:
        for member in found:
            yield from (description(member), "", *entries(member, path, tuple(member.model_fields)))
        return
    names = [f"[`{tag_of(member)}`](#{anchor(path, tag_of(member))})" for member in found]
    yield from (f"`{key}` is one of {', '.join(names)}.", "")
    if common := shared_options(found):
        yield from (f"Common to every `{key}`:", "", *entries(found[0], path, common))
    for number, member in enumerate(found):
        own = tuple(name for name in member.model_fields if name not in (*common, key))
        new = tuple(n for n in own if not any(n in earlier.model_fields for earlier in found[:number]))
        yield from (f"({anchor(path, tag_of(member))})=", "#" * (level + 1) + f" `{key}: {tag_of(member)}`", "")
        yield from (description(member), "", *entries(member, path, own))
        yield from inner_sections(member, path, new, level + 2)


def shared_options(found: list[type[BaseModel]]) -> tuple[str, ...]:
    """Names of the options that every member of a union has, with the same type, default and description."""

    def facts(model: type[BaseModel], name: str) -> Any:
        field = model.model_fields.get(name)
        return field and (repr(field), docstrings(model).get(name))

    first = found[0].model_fields
    return tuple(n for n in first if n not in TAGS and len({facts(model, n) for model in found}) == 1)


def entries(model: type[BaseModel], path: str, names: tuple[str, ...]) -> Iterator[str]:
    """Lines of a definition list: option, then type, bounds, default and description."""
    texts = docstrings(model)
    for name in names:
        field = model.model_fields[name]
        facts = [*type_words(field), default_words(field)]
        if members(value_type(field.annotation)):
            facts[0] = facts[0].replace("section", f"[section](#{anchor(key_path(join(path, name)))})", 1)
        yield f"`{join(path, name)}`"
        yield f": *{'; '.join(fact for fact in facts if fact)}*"
        if text := texts.get(name):
            yield from ("", *(f"  {line}" for line in text.splitlines()))
        yield ""


def docstrings(model: type[BaseModel]) -> dict[str, str]:
    """Option -> the string below its declaration, of the class or of the nearest base."""
    found: dict[str, str] = {}
    for owner in reversed([base for base in model.__mro__ if issubclass(base, BaseModel) and base is not BaseModel]):
        (body,) = ast.parse(textwrap.dedent(inspect.getsource(owner))).body
        assert isinstance(body, ast.ClassDef)
        for statement, after in zip(body.body, body.body[1:], strict=False):
            if isinstance(statement, ast.AnnAssign) and isinstance(after, ast.Expr):
                assert isinstance(statement.target, ast.Name)
                assert isinstance(after.value, ast.Constant)
                found[statement.target.id] = inspect.cleandoc(after.value.value)
    return found


def description(model: type[BaseModel]) -> str:
    """A model's docstring, whole."""
    return inspect.getdoc(model) or ""


def value_type(declared: Any) -> Any:
    """The type of a mapping's values; any other type itself."""
    declared = bare(declared)
    return bare(get_args(declared)[1]) if get_origin(declared) is dict else declared


def type_words(field: FieldInfo) -> Iterator[str]:
    """The type in words, then its bounds."""
    yield words(field.annotation)
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


def words(declared: Any) -> str:
    """A declared type as a reader of YAML would call it."""
    if hasattr(declared, "__metadata__"):
        return words(get_args(declared)[0])
    if get_origin(declared) is Literal:
        return " or ".join(f"`{value}`" if str(value).strip() else repr(value) for value in get_args(declared))
    if is_union(declared):
        named = dict.fromkeys(words(argument) for argument in get_args(declared))
        return " or ".join(named) if not all(members(argument) for argument in get_args(declared)) else "section"
    if get_origin(declared) is tuple:
        inner = words(get_args(declared)[0])
        return f"list of ({inner})" if " or " in inner else f"list of {inner}"
    if get_origin(declared) is dict:
        inner = words(get_args(declared)[1])
        return f"mapping to {'sections' if inner == 'section' else inner}"
    if isinstance(declared, type) and issubclass(declared, BaseModel):
        return "section"
    return WORDS.get(declared) or getattr(declared, "__name__", "value").lower()


def default_words(field: FieldInfo) -> str:
    """The default as YAML writes it."""
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
    """The path of a section; of a mapping's sections with the word for its keys."""
    key = next((key for ending, key in KEYS.items() if f".{path}".endswith(f".{ending}")), "")
    return join(path, key) if key else path


def anchor(path: str, tag: str = "") -> str:
    """The identifier of a section, or of a member's section."""
    return f"option-{path}{'-' if tag else ''}{tag}".lower().replace(".", "-").replace("_", "-")


def join(path: str, name: str) -> str:
    """Dotted path of an option."""
    return f"{path}.{name}" if path else name


def write(app: Sphinx) -> None:
    """Write the reference where the page includes it from."""
    target = Path(app.srcdir) / TARGET
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(reference(), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Entry point of a Sphinx extension."""
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True}
