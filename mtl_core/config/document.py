"""`params.yaml` as a document, before validation. The only file that parses YAML."""

import copy
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from mtl_core.errors import ProblemError

PARAMS = "params.yaml"
NAME = r"^[a-z][a-z0-9_-]{0,62}$"
"""Pattern of a problem's name: lowercase letters, digits, - and _."""
KEY = r"^[A-Za-z_][A-Za-z0-9_.-]{0,99}$"
"""Pattern of the name of a task, and of a feature that reads a single column."""
FEATURE = rf"{KEY}|[*?\[]"
"""Pattern of the name of a feature, which may have wildcards for names of columns."""
_NAMED = "a letter from A to Z or _, then at most 99 such letters, digits, _, . and -"
RULES = {
    NAME: "a lowercase letter, then at most 62 lowercase letters, digits, - and _",
    KEY: f"{_NAMED}; its column may have any name, under `target`",
    FEATURE: f"{_NAMED}; its column may have any name, under `column`; or a pattern with *, ? or [...] for columns",
}
"""The patterns in words."""


def parse_yaml(text: str) -> Any:
    """The document of a text in YAML 1.2, by safe loading; raises the errors of ruamel.yaml and Python's own."""
    return YAML(typ="safe", pure=True).load(text)


def flow_style(value: Any, scalar: Callable[[Any], Any] = copy.copy) -> Any:
    """A value that ruamel.yaml writes on one line: lists in [], mappings in {}. `scalar` converts all others."""
    if isinstance(value, Mapping):
        mapping = CommentedMap((scalar(key), flow_style(item, scalar)) for key, item in value.items())
        mapping.fa.set_flow_style()
        return mapping
    if isinstance(value, list | tuple):
        sequence = CommentedSeq(flow_style(item, scalar) for item in value)
        sequence.fa.set_flow_style()
        return sequence
    return scalar(value)


def read_params(folder: Path) -> Any:
    """The document in `params.yaml` of a problem's folder; raises ProblemError."""
    path = folder / PARAMS
    try:
        return read_yaml(path)
    except FileNotFoundError:
        raise ProblemError(
            f"{path}: not found; a problem is a folder with {PARAMS}: go to one, name one with -C FOLDER, "
            "or make one with `mtl init FILE --tasks a,b`"
        ) from None


def read_yaml(path: Path) -> Any:
    """The document in a file; FileNotFoundError without one, ProblemError if it cannot be read."""
    try:
        return parse_yaml(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ProblemError(f"{path}: must be a readable file, found: {error.strerror}") from None
    except MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise ProblemError(f"{path}: must be YAML, found: {line}{error.problem}") from None
    # The parser does not catch Python's errors: a month 13, a number of 5,000 digits, `!!bool abc`, deep nesting.
    except (YAMLError, ValueError, KeyError, RecursionError) as error:
        raise ProblemError(f"{path}: must be YAML, found: {str(error).splitlines()[0]}") from None


def problem_name(folder: Path) -> str:
    """The name of a folder's models in the store, even where the rest of its `params.yaml` is invalid."""
    document = read_params(folder)
    name = document.get("name") if isinstance(document, dict) else None
    # fullmatch, since `$` lets a line break pass.
    if not isinstance(name, str) or not re.fullmatch(NAME, name):
        raise ProblemError(
            f"{folder / PARAMS}: name must be {RULES[NAME]}, found {name!r:.60}; "
            "`mtl check` lists all errors of the file"
        )
    return name
