"""Checks of `tuning.space`: trials may change the option, and each of its values makes a valid problem."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from mtl_core.config.changes import with_options
from mtl_core.config.messages import format_errors
from mtl_core.errors import ProblemError, suggestion

if TYPE_CHECKING:
    from mtl_core.config.problem import Problem

MEASURE = frozenset({"levels", "metric", "threshold"})
"""Options of a task's objective that its metrics depend on."""


def tuning_errors(problem: "Problem") -> Iterator[str]:
    """Error lines for `tuning.space`; none if the rest of the problem is invalid."""
    if problem.tuning is None:
        return
    try:
        with_options(problem, {})
    except ValidationError:  # other checks report it
        return
    space = problem.tuning.space
    for path, search_range in space.items():
        where = f"tuning.space.{path}"
        if (refusal := _not_tunable(problem, path)) is not None:
            yield f"{where}: {refusal}"
            continue
        if sections := [other for other in space if path.startswith(f"{other}.")]:
            yield f"{where}: lies inside of {sections[0]}, which is tuned as a whole; leave out one of the two"
        for value in search_range.values:
            try:
                with_options(problem, {path: value})
            except ProblemError as error:
                yield f"tuning.space.{error}"
                break
            except ValidationError as error:
                if _is_valid_with_another(problem, path, value):
                    continue
                line = format_errors(error, type(problem), "").splitlines()[1].strip()
                yield (
                    f"{where}: each value must make a valid problem, alone or with a value of another tuned option, "
                    f"found {value!r} ({line}); remove it"
                )


def _is_valid_with_another(problem: "Problem", path: str, value: Any) -> bool:
    """True if the value makes a valid problem together with an end or a choice of another tuned option.

    A tuned width may fit no choice of heads that another trial has.
    """
    assert problem.tuning is not None
    others = {other: each.values for other, each in problem.tuning.space.items() if other != path}
    pairs = ({path: value, other: of_other} for other, values in others.items() for of_other in values)
    return any(_is_valid(problem, changes) for changes in pairs)


def _is_valid(problem: "Problem", changes: dict[str, Any]) -> bool:
    try:
        with_options(problem, changes)
    except (ProblemError, ValidationError):
        return False
    return True


def _not_tunable(problem: "Problem", path: str) -> str | None:
    """Rule, value found and fix for a path that no trial may change; None for a path that may be tuned.

    All trials share the encoded rows, the metrics and the seeds.
    """
    section, _, rest = path.partition(".")
    if path in ("training.seed", "training.threads"):
        return "must be the same in all trials, so that runs are reproducible; leave it out"
    if section in ("model", "training") and rest:
        return None
    if section != "tasks" or not rest:
        return (
            f"must be an option of model or training, or of a task's objective (tasks.NAME.OPTION), found {path!r}, "
            "which is the same in all trials; leave it out"
        )
    if dotted := next((name for name in problem.tasks if "." in name and f"{rest}.".startswith(f"{name}.")), None):
        return f"must not lead through a name with a dot, found task {dotted!r}; rename the task"
    name, _, rest = rest.partition(".")
    if name not in problem.tasks:
        return f"must name a declared task, found {name!r}; {suggestion(name, list(problem.tasks))}"
    task, option = problem.tasks[name], rest.partition(".")[0]
    tunable = sorted(task.objective_options - MEASURE)
    if option in MEASURE:
        return f"must be the same in all trials, since metrics depend on it, found {option!r}; leave it out"
    if option not in tunable:
        return (
            f"must be an option of the task's objective, since all trials share the encoded rows, found {option!r}; "
            f"{suggestion(option, tunable)}"
        )
    return None
