"""Application of a trial's options: in the text of `params.yaml`, or on the command line of DVC."""

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

_UNQUOTED = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_KEYWORDS = ("true", "false", "null", "nan", "inf")
_INDENTS = ((2, 2, 0), (2, 4, 2), (4, 4, 2), (4, 6, 4), (4, 4, 0))
"""Common indentations: mapping, sequence, offset."""


def edit_params(text: str, changes: Mapping[str, Any]) -> str:
    """The text of a `params.yaml` with those values; comments and other lines are kept.

    Raises:
        ProblemError: an edit would change other options too, for example through an anchor.
    """
    yaml = _round_trip_parser(text)
    document = yaml.load(text)
    set_options(document, Problem, {path: flow_style(value) for path, value in changes.items()})
    out = io.StringIO()
    yaml.dump(document, out)
    expected, edited = _without_aliases(parse_yaml(text)), parse_yaml(out.getvalue())
    set_options(expected, Problem, changes)
    parse_problem(edited)
    if edited != expected:
        raise ProblemError(
            "params.yaml: an anchor or a merge shares these options with others; change them by hand: "
            + ", ".join(f"{path}: {value}" for path, value in changes.items())
        )
    return out.getvalue()


def experiment_command(problem: Problem, changes: Mapping[str, Any]) -> str:
    """The `dvc exp run` that runs the pipeline with those values, which it also writes to `params.yaml`."""
    before, after = to_document(problem), to_document(problem)
    set_options(after, Problem, changes)
    settings = [f"-S {shlex.quote(line)}" for line in _overrides(before, after, "")]
    return " ".join(["dvc exp run", *settings])


def _overrides(before: Mapping[str, Any], after: Mapping[str, Any], prefix: str) -> Iterator[str]:
    """Overrides in Hydra's grammar: ~ removes, + adds.

    A mapping that replaces another is overridden key by key, since DVC merges mappings.
    """
    for key in before:
        if key not in after:
            yield f"~{prefix}{key}"
    for key, value in after.items():
        path = f"{prefix}{key}"
        if key not in before:
            yield f"+{path}={_hydra(value)}"
        elif isinstance(value, Mapping) and isinstance(before[key], Mapping):
            yield from _overrides(before[key], value, f"{path}.")
        elif _hydra(value) != _hydra(before[key]):  # as text, in which a tuple equals a list
            yield f"{path}={_hydra(value)}"


def _hydra(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{_hydra(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_hydra, value)) + "]"
    if isinstance(value, str):
        unquoted = _UNQUOTED.fullmatch(value) and value.lower() not in _KEYWORDS
        return value if unquoted else "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)


def _round_trip_parser(text: str) -> YAML:
    """A parser with the indentation that changes the fewest lines when it writes the text back."""

    def parser(indent: tuple[int, int, int]) -> YAML:
        yaml = YAML()
        yaml.preserve_quotes, yaml.width = True, 10_000
        yaml.indent(*indent)
        return yaml

    def changed_lines(indent: tuple[int, int, int]) -> int:
        out, yaml = io.StringIO(), parser(indent)
        yaml.dump(yaml.load(text), out)
        return len(set(out.getvalue().splitlines()) - set(text.splitlines()))

    return parser(min(_INDENTS, key=changed_lines))


def _without_aliases(value: Any) -> Any:
    """A copy in which every container is an object of its own."""
    if isinstance(value, dict):
        return {key: _without_aliases(item) for key, item in value.items()}
    return [_without_aliases(item) for item in value] if isinstance(value, list) else value
