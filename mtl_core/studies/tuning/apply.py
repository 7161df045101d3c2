"""A trial's options as a person takes them over: into the text of `params.yaml`, or on the command line of DVC."""

import io
import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from ruamel.yaml import YAML

from mtl_core.config import Problem, parse_problem, parse_yaml
from mtl_core.config.changes import set_options, to_document
from mtl_core.config.document import flow_style
from mtl_core.errors import ProblemError

_BY_ITSELF = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_WORDS = ("true", "false", "null", "nan", "inf")
_INDENTS = ((2, 2, 0), (2, 4, 2), (4, 4, 2), (4, 6, 4), (4, 4, 0))
"""mapping, sequence, offset: ways in which people indent."""


def with_changes(text: str, changes: Mapping[str, Any]) -> str:
    """The text of a `params.yaml` with those values, its comments and its other lines kept.

    Raises:
        ProblemError: the text would not say what the changes say, as where an anchor ties two places together.
    """
    yaml = _that_keeps(text)
    document = yaml.load(text)
    set_options(document, Problem, {path: flow_style(value) for path, value in changes.items()})
    out = io.StringIO()
    yaml.dump(document, out)
    expected, found = _untied(parse_yaml(text)), parse_yaml(out.getvalue())
    set_options(expected, Problem, changes)
    parse_problem(found)
    if found != expected:
        raise ProblemError(
            "params.yaml: an anchor or a merge ties what is to change to other places; change it by hand: "
            + ", ".join(f"{path}: {value}" for path, value in changes.items())
        )
    return out.getvalue()


def experiment(problem: Problem, changes: Mapping[str, Any]) -> str:
    """The command that runs the whole path with those values; as DVC does it, they then stand in `params.yaml`."""
    before, after = to_document(problem), to_document(problem)
    set_options(after, Problem, changes)
    settings = [f"-S {shlex.quote(line)}" for line in _overrides(before, after, "")]
    return " ".join(["dvc exp run", *settings])


def _overrides(before: Mapping[str, Any], after: Mapping[str, Any], under: str) -> Iterator[str]:
    """Overrides in Hydra's grammar: ~ removes, + adds.

    A mapping that replaces another is taken apart, or they would merge.
    """
    for key in [key for key in before if key not in after]:
        yield f"~{under}{key}"
    for key, value in after.items():
        path = f"{under}{key}"
        if key not in before:
            yield f"+{path}={_hydra(value)}"
        elif isinstance(value, Mapping) and isinstance(before[key], Mapping):
            yield from _overrides(before[key], value, f"{path}.")
        elif _hydra(value) != _hydra(before[key]):  # a tuple is a list to people
            yield f"{path}={_hydra(value)}"


def _hydra(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{_hydra(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_hydra, value)) + "]"
    if isinstance(value, str):
        plain = _BY_ITSELF.fullmatch(value) and value.lower() not in _WORDS
        return value if plain else "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)


def _that_keeps(text: str) -> YAML:
    """A parser that writes the text as it was, where one does."""
    for mapping, sequence, offset in _INDENTS:
        yaml = YAML()
        yaml.preserve_quotes = True
        yaml.width = 10_000
        yaml.indent(mapping=mapping, sequence=sequence, offset=offset)
        out = io.StringIO()
        yaml.dump(yaml.load(text), out)
        if out.getvalue() == text:
            break
    return yaml


def _untied(value: Any) -> Any:
    """A copy in which no two places are one object."""
    if isinstance(value, dict):
        return {key: _untied(inner) for key, inner in value.items()}
    return [_untied(inner) for inner in value] if isinstance(value, list) else value
