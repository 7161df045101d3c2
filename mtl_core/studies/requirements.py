"""Requirement of the studies of sharing: several tasks in a trunk that shares layers."""

from mtl_core.config import Problem
from mtl_core.errors import ProblemError


def check_sharing(problem: Problem, command: str) -> None:
    """Raise ProblemError, naming the command, where the problem has one task or a trunk that shares no layer."""
    if len(problem.tasks) < 2:
        raise ProblemError(
            f"tasks: `{command}` needs at least two tasks, found {', '.join(problem.tasks)}; declare another task"
        )
    if problem.model.trunk.separate_inputs:
        raise ProblemError(
            f"model.trunk.kind: `{command}` needs a trunk that shares layers, found {problem.model.trunk.kind}; "
            "declare another, for example shared_bottom"
        )
