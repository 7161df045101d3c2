"""Consistency checks across the sections of a declared problem, one line per error."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from pydantic import ValidationError

from mtl_core.config.changes import with_options
from mtl_core.config.messages import format_errors
from mtl_core.config.patterns import is_pattern, pattern_errors
from mtl_core.config.split import ColumnSplit
from mtl_core.config.stopping import First
from mtl_core.errors import ProblemError, nearest
from mtl_core.names import INTERNAL

if TYPE_CHECKING:
    from mtl_core.config.problem import Problem

MEASURE = frozenset({"levels", "metric", "threshold"})
"""Options of a task's objective that its metrics depend on."""


def consistency_errors(problem: "Problem") -> Iterator[str]:
    """Error lines: path in the file, rule, value found, fix."""
    for name, feature in problem.features.items():
        yield from pattern_errors(name, feature)
    yield from name_errors(problem)
    yield from _tasks(problem)
    yield from _members(problem)
    yield from _metrics(problem)
    yield from _balancing(problem)
    yield from _stopping(problem)
    yield from _teachers(problem)
    yield from _export(problem)
    yield from _tuning(problem)


def name_errors(problem: "Problem") -> Iterator[str]:
    """Error lines about names of columns; of columns that patterns match, once these are resolved."""
    inputs = {problem.column_of(name): name for name in problem.features if not is_pattern(name)}
    for column, name in inputs.items():
        if column.startswith(INTERNAL):
            yield (
                f"features.{name}.column: must not begin with {INTERNAL!r}, which marks the internal values of the "
                f"exported graph, found {column!r}; rename the column"
            )
    split = problem.split
    keys = {"split.column": split.column} | ({"split.key": split.key} if isinstance(split, ColumnSplit) else {})
    unnamed = [f"tasks.{name}.target" for name, task in problem.tasks.items() if "" in task.targets]
    unnamed += [where for where, column in keys.items() if not column]
    yield from (f"{where}: must name a column, found ''; give that column a name in the data" for where in unnamed)
    for name, task in problem.tasks.items():
        for target in task.targets:
            if target in inputs:
                where = "target" if task.target else "columns"
                yield (
                    f"tasks.{name}.{where}: a target cannot be a feature too, found column {target!r}, which "
                    f"features.{inputs[target]} reads; remove one of the two"
                )
        if name in inputs and name not in task.targets:
            yield (
                f"tasks.{name}: a task cannot have the name of a feature's column, since the exported graph knows "
                "both by name; rename the task"
            )


def _tasks(problem: "Problem") -> Iterator[str]:
    if all(task.unsupervised for task in problem.tasks.values()):
        kinds = ", ".join(dict.fromkeys(task.kind for task in problem.tasks.values()))
        yield (
            f"tasks: at least one supervised task is required, found only {kinds}; add a task that learns from labels"
        )


def _members(problem: "Problem") -> Iterator[str]:
    grouping = [name for name, task in problem.tasks.items() if task.unsupervised]
    if (problem.model.members or 1) > 1 and grouping:
        yield (
            f"model.members: must be 1 beside a task that finds its clusters itself, found {problem.model.members} and "
            f"the task {grouping[0]}, whose clusters would be others in every member; leave it out"
        )


def _metrics(problem: "Problem") -> Iterator[str]:
    for name, task in problem.tasks.items():
        if task.metric:
            known = [metric.name for metric in task.metrics]
            yield from _unknown(f"tasks.{name}.metric", f"a metric of kind {task.kind}", [task.metric], known)
            reason = next((metric.unsuitable for metric in task.metrics if metric.name == task.metric), "")
            if reason:
                suitable = ", ".join(metric.name for metric in task.metrics if not metric.unsuitable)
                yield (
                    f"tasks.{name}.metric: must tell models apart while they train, found {task.metric!r}: {reason}; "
                    f"take one of {suitable}"
                )
    limits = problem.gates.metrics
    yield from _unknown("gates.metrics", "a declared task", limits, list(problem.tasks), in_path=True)
    yield from _unknown("gates.baseline", "a declared task", problem.gates.baseline, list(problem.tasks), in_path=True)
    for name in limits.keys() & problem.tasks.keys():
        task = problem.tasks[name]
        known = [metric.name for metric in task.metrics]
        yield from _unknown(f"gates.metrics.{name}", f"a metric of kind {task.kind}", limits[name], known, in_path=True)


def _balancing(problem: "Problem") -> Iterator[str]:
    balancing, trunk = problem.training.balancing, problem.model.trunk
    if option := balancing.per_task_option:
        path = f"training.balancing.{option}"
        yield from _unknown(path, "a declared task", getattr(balancing, option), list(problem.tasks), in_path=True)
    if balancing.needs_sharing and trunk.separate_inputs:
        yield (
            f"training.balancing.method: {balancing.method} weighs the tasks' gradients on shared parameters, "
            f"found model.trunk.kind {trunk.kind}, which has none; use mean, or a trunk that shares parameters"
        )
    elif balancing.needs_sharing and len(problem.tasks) == 1:
        yield (
            f"training.balancing.method: {balancing.method} weighs the gradients of several tasks, found one task; "
            "use mean"
        )


def _stopping(problem: "Problem") -> Iterator[str]:
    stopping, tasks = problem.training.stopping, list(problem.tasks)
    where = "training.stopping"
    yield from _unknown(f"{where}.tasks", "a declared task", stopping.tasks, tasks, in_path=True)
    if isinstance(stopping.end, First):
        yield from _unknown(f"{where}.end.first", "a declared task", [stopping.end.first], tasks)
    if stopping.policy == "joint":
        if stopping.end != "all":
            yield f"{where}.end: under the policy joint all tasks stop together, found an end of its own; leave it out"
        if stopping.tasks:
            yield (
                f"{where}.tasks: under the policy joint all tasks share one patience, found one for "
                f"{', '.join(stopping.tasks)}; leave it out, or use freeze or hold"
            )
    if stopping.policy != "hold" and "margin" in stopping.model_fields_set:
        yield (
            f"{where}.margin: says when a stopped task trains again, which it does under the policy hold, found the "
            f"policy {stopping.policy}; leave it out"
        )


def _teachers(problem: "Problem") -> Iterator[str]:
    teachers, where = problem.training.teachers, "training.teachers"
    yield from _unknown(where, "a declared task", teachers, list(problem.tasks), in_path=True)
    for name, teacher in teachers.items():
        if name not in problem.tasks:
            continue
        if problem.tasks[name].unsupervised:
            yield (
                f"{where}.{name}: a task of kind {problem.tasks[name].kind} teaches itself, since its clusters have no "
                "names that a teacher could use; leave it out"
            )
        if teacher.kind == "single_task" and (problem.model.trunk.separate_inputs or len(problem.tasks) == 1):
            yield (
                f"{where}.{name}.kind: a single_task teacher is a network for the task alone, which it has already, "
                f"found {len(problem.tasks)} task(s) and model.trunk.kind {problem.model.trunk.kind}; use boosted"
            )


def _export(problem: "Problem") -> Iterator[str]:
    if not problem.export.int8:
        return
    limits = problem.gates.parity
    missing = [name for name in type(limits).model_fields if name not in limits.model_fields_set]
    if missing:
        where = "gates.parity" if len(missing) > 1 else f"gates.parity.{missing[0]}"
        yield (
            f"export.int8: how far 8 bits may be from the network must be declared, found no {where}, "
            f"whose default of {type(limits)().test_rows:g} is for 32 bits; declare it, as a share of a task's scale, "
            "or set int8 to false"
        )


def _tuning(problem: "Problem") -> Iterator[str]:
    if problem.tuning is None:
        return
    try:
        with_options(problem, {})
    except ValidationError:  # reported above
        return
    space = problem.tuning.space
    for path, tuned in space.items():
        where = f"tuning.space.{path}"
        if (refused := _not_tunable(problem, path)) is not None:
            yield f"{where}: {refused}"
            continue
        around = [other for other in space if path.startswith(f"{other}.")]
        if around:
            yield f"{where}: lies inside of {around[0]}, which is tuned as a whole; leave out one of the two"
        for value in tuned.values:
            try:
                with_options(problem, {path: value})
            except ProblemError as error:
                yield f"tuning.space.{error}"
                break
            except ValidationError as error:
                line = format_errors(error, type(problem), "").splitlines()[1].strip()
                yield f"{where}: each value alone must make a valid problem, found {value!r} ({line}); take it out"


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
            "which every trial has the same; leave it out"
        )
    if dotted := next((name for name in problem.tasks if "." in name and f"{rest}.".startswith(f"{name}.")), None):
        return f"must not lead through a name with a dot, found task {dotted!r}; rename the task"
    name, _, rest = rest.partition(".")
    if name not in problem.tasks:
        return f"must name a declared task, found {name!r}; {nearest(name, list(problem.tasks))}"
    task, option = problem.tasks[name], rest.partition(".")[0]
    tunable = sorted(task.objective_options - MEASURE)
    if option in MEASURE:
        return f"decides how the task is measured, and trials are compared by that, found {option!r}; leave it out"
    if option not in tunable:
        return (
            f"must be an option of the task's objective, since all trials share the encoded rows, found {option!r}; "
            f"{nearest(option, tunable)}"
        )
    return None


def _unknown(path: str, rule: str, found: Iterable[str], known: list[str], *, in_path: bool = False) -> Iterator[str]:
    for name in found:
        if name not in known:
            where = f"{path}.{name}" if in_path else path
            yield f"{where}: must be {rule}, found {name!r}; {nearest(name, known)}"
