"""`params.yaml` loaded as a problem."""

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mtl_core.config.document import PARAMS, read_params
from mtl_core.config.messages import format_errors
from mtl_core.config.problem import Problem
from mtl_core.errors import ProblemError


def parse_problem(document: Any, *, source: str = PARAMS) -> Problem:
    """The problem in a parsed document; ProblemError lists all its errors."""
    if not isinstance(document, dict):
        raise ProblemError(
            f"{source}: must be a mapping with name, data, split, features, tasks; found {document!r:.60}"
        )
    try:
        return Problem.model_validate(document)
    except ValidationError as error:
        raise ProblemError(format_errors(error, Problem, source)) from None


def load_problem(folder: Path) -> Problem:
    """Read `params.yaml` of a problem's folder; raises ProblemError."""
    return parse_problem(read_params(folder), source=str(folder / PARAMS))
