"""From `params.yaml` to a problem. The only place that reads YAML."""

from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from mtl_core.errors import ProblemError
from mtl_core.explain import explain
from mtl_core.problem.declaration import Problem

__all__ = ["PARAMS", "load_problem", "parse_problem"]

PARAMS = "params.yaml"


def parse_problem(document: Any, *, source: str = PARAMS) -> Problem:
    """A parsed document as a problem; ProblemError lists all that is wrong with it."""
    if not isinstance(document, dict):
        raise ProblemError(
            f"{source}: must be a mapping with name, data, split, features, tasks; found {document!r:.60}"
        )
    try:
        return Problem.model_validate(document)
    except ValidationError as error:
        raise ProblemError(explain(error, Problem, source)) from None


def load_problem(folder: Path) -> Problem:
    """Reads `params.yaml` of a problem's folder (YAML 1.2, safe loading)."""
    path = folder / PARAMS
    try:
        document = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ProblemError(
            f"{path}: not found; a problem is a folder with {PARAMS}: go to one, name one with -C FOLDER, "
            "or make one with `mtl init FILE --tasks a,b`"
        ) from None
    except OSError as error:
        raise ProblemError(f"{path}: must be a readable file, found: {error.strerror}") from None
    except MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise ProblemError(f"{path}: must be YAML, found: {line}{error.problem}") from None
    # The parser lets Python's own errors through: a month 13, a number of 5,000 digits, `!!bool abc`, deep nesting.
    except (YAMLError, ValueError, KeyError, RecursionError) as error:
        raise ProblemError(f"{path}: must be YAML, found: {str(error).splitlines()[0]}") from None
    return parse_problem(document, source=str(path))
