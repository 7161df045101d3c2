"""Consistency checks across the sections of a declared problem, one line per error."""

from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING

from mtl_core.config.patterns import is_pattern, pattern_errors
from mtl_core.config.split import ColumnSplit
from mtl_core.config.stopping import EndAfterTask
from mtl_core.config.tunable import tuning_errors
from mtl_core.errors import suggestion
from mtl_core.names import INTERNAL

if TYPE_CHECKING:
    from mtl_core.config.problem import Problem


def consistency_errors(problem: "Problem") -> Iterator[str]:
    """Error lines: path in the file, rule, value found, fix."""
    for name, feature in problem.features.items():
        yield from pattern_errors(name, feature)
    yield from name_errors(problem)
    yield from _unsupervised(problem)
    for name, task in problem.tasks.items():
        yield from task.feature_errors(name, problem.features)
    yield from _metrics(problem)
    yield from _balancing(problem)
    yield from _stopping(problem)
    yield from _teachers(problem)
    yield from _export(problem)
    yield from tuning_errors(problem)


def name_errors(problem: "Problem") -> Iterator[str]:
    """Error lines about names of columns. In a problem with patterns, the columns that these match are not checked."""
    inputs = {problem.column_of(name): name for name in problem.features if not is_pattern(name)}
    for column, name in inputs.items():
        if column.startswith(INTERNAL):
            yield (
                f"features.{name}.column: must not begin with {INTERNAL!r}, which marks the internal values of the "
                f"exported graph, found {column!r}; rename the column"
            )
    split = problem.split
    unnamed = [f"tasks.{name}.target" for name, task in problem.tasks.items() if "" in task.targets]
    unnamed += [] if split.column else ["split.column"]
    unnamed += ["split.key"] if isinstance(split, ColumnSplit) and not split.key else []
    yield from (f"{path}: must name a column, found ''; give that column a name in the data" for path in unnamed)
    for column in problem.data.key:
        if column in problem.targets:
            yield (
                f"data.key: must not be a target, since `mtl ingest --update` changes targets, found {column!r}; name "
                "columns that identify a row"
            )
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
                f"tasks.{name}: a task cannot have the name of a feature's column, since the exported graph names its "
                "inputs and outputs after them; rename the task"
            )


def _unsupervised(problem: "Problem") -> Iterator[str]:
    unsupervised = {name: task.kind for name, task in problem.tasks.items() if task.unsupervised}
    if len(unsupervised) == len(problem.tasks):
        yield (
            f"tasks: at least one supervised task is required, found only "
            f"{', '.join(dict.fromkeys(unsupervised.values()))}; add a task that learns from labels"
        )
    if (problem.model.members or 1) > 1 and unsupervised:
        yield (
            f"model.members: must be 1 with an unsupervised task, found {problem.model.members} and the task "
            f"{next(iter(unsupervised))}, whose clusters would differ between members; leave it out"
        )


def _metrics(problem: "Problem") -> Iterator[str]:
    tasks, gates = problem.tasks, problem.gates
    for name, task in tasks.items():
        if task.metric:
            names = [metric.name for metric in task.metrics]
            yield from _unknown(f"tasks.{name}.metric", f"a metric of kind {task.kind}", task.metric, names)
            reason = next((metric.unsuitable for metric in task.metrics if metric.name == task.metric), "")
            if reason:
                suitable = ", ".join(metric.name for metric in task.metrics if not metric.unsuitable)
                yield (
                    f"tasks.{name}.metric: must distinguish models while they train, found {task.metric!r}: {reason}; "
                    f"take one of {suitable}"
                )
    yield from _unknown_keys("gates.metrics", "a declared task", gates.metrics, tasks)
    yield from _unknown_keys("gates.baseline", "a declared task", gates.baseline, tasks)
    margins = {"gates.worse_than_champion": gates.worse_than_champion}
    if gates.slices:
        margins["gates.slices.margin"] = gates.slices.margin
    for path, margin in margins.items():
        yield from _unknown_keys(path, "a declared task", margin if isinstance(margin, dict) else (), tasks)
    for name in gates.metrics.keys() & tasks.keys():
        names = [metric.name for metric in tasks[name].metrics]
        rule = f"a metric of kind {tasks[name].kind}"
        yield from _unknown_keys(f"gates.metrics.{name}", rule, gates.metrics[name], names)


def _balancing(problem: "Problem") -> Iterator[str]:
    balancing, trunk = problem.training.balancing, problem.model.trunk
    if option := balancing.per_task_option:
        path = f"training.balancing.{option}"
        yield from _unknown_keys(path, "a declared task", getattr(balancing, option), problem.tasks)
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
    stopping, where = problem.training.stopping, "training.stopping"
    yield from _unknown_keys(f"{where}.tasks", "a declared task", stopping.tasks, problem.tasks)
    if isinstance(stopping.end, EndAfterTask):
        yield from _unknown(f"{where}.end.first", "a declared task", stopping.end.first, problem.tasks)
    if stopping.policy == "joint":
        if stopping.end != "all":
            end = stopping.end if isinstance(stopping.end, str) else f"first: {stopping.end.first}"
            yield f"{where}.end: under the policy joint all tasks stop together, found {end}; leave it out"
        if stopping.tasks:
            yield (
                f"{where}.tasks: under the policy joint all tasks share one patience, found one for "
                f"{', '.join(stopping.tasks)}; leave it out, or use freeze or hold"
            )
    if stopping.policy != "hold" and "margin" in stopping.model_fields_set:
        yield (
            f"{where}.margin: is for the policy hold, under which a stopped task may train again, found the policy "
            f"{stopping.policy}; leave it out"
        )


def _teachers(problem: "Problem") -> Iterator[str]:
    teachers, where = problem.training.teachers, "training.teachers"
    yield from _unknown_keys(where, "a declared task", teachers, problem.tasks)
    for name, teacher in teachers.items():
        if name in problem.tasks and problem.tasks[name].unsupervised:
            yield (
                f"{where}.{name}: must be a supervised task, found kind {problem.tasks[name].kind}, whose clusters "
                "have no names that a teacher could use; leave it out"
            )
        if teacher.kind == "single_task" and (problem.model.trunk.separate_inputs or len(problem.tasks) == 1):
            yield (
                f"{where}.{name}.kind: a single_task teacher needs a task that shares parameters with others, found "
                f"{len(problem.tasks)} task(s) and model.trunk.kind {problem.model.trunk.kind}; use boosted"
            )


def _export(problem: "Problem") -> Iterator[str]:
    if not problem.export.int8:
        return
    limits = problem.gates.parity
    missing = [name for name in type(limits).model_fields if name not in limits.model_fields_set]
    if missing:
        where = "gates.parity" if len(missing) > 1 else f"gates.parity.{missing[0]}"
        yield (
            f"export.int8: the limit on the difference from the network must be declared, found no {where}, whose "
            f"default of {type(limits)().test_rows:g} is for 32 bits; declare it, as a share of a task's scale, or set "
            "int8 to false"
        )


def _unknown_keys(path: str, rule: str, keys: Iterable[str], valid: Collection[str]) -> Iterator[str]:
    for key in keys:
        yield from _unknown(f"{path}.{key}", rule, key, valid)


def _unknown(path: str, rule: str, name: str, valid: Collection[str]) -> Iterator[str]:
    if name not in valid:
        yield f"{path}: must be {rule}, found {name!r}; {suggestion(name, list(valid))}"
