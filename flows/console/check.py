"""Output of `mtl check`: the resolved problem as tables."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from rich.text import Text

from flows.console.terminal import open_console, printable, titled_table
from mtl_core.config import TimeSplit
from mtl_core.config.budget import budget_of
from mtl_core.data.windows import left_out_message
from mtl_core.report.wording import option_value, plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.table import Table

    from mtl_core.config import Gates, Problem
    from mtl_core.data.split import SplitName
    from mtl_core.validation.preflight import DataSummary

BASELINE = {
    "required": "better than the baseline",
    "report": "not worse than the baseline",
    "ignore": "not compared with the baseline",
}
"""Rule for a task and its baseline -> its description."""


def print_problem(
    problem: Problem, data: DataSummary, types: Mapping[str, str], matches: Mapping[str, Sequence[str]]
) -> None:
    """Print sections, features and tasks, and that no errors were found.

    Args:
        data: part files, rows and labelled rows.
        types: column -> type.
        matches: pattern -> the columns that it declares.
    """
    console = open_console()
    for table in (_overview(problem, data), _features(problem, types, matches), _tasks(problem)):
        console.print(table)
    features = len(problem.features) - len(matches) + sum(map(len, matches.values()))
    counts = f"{plural(features, 'feature')}, {plural(len(problem.tasks), 'task')}"
    console.out(f"{problem.name}: {counts}; no errors found", style="green")


def print_warnings(warnings: Sequence[str]) -> None:
    """Print a line per warning."""
    console = open_console()
    for warning in warnings:
        console.out(f"warning: {warning}", style="yellow")


def _overview(problem: Problem, data: DataSummary) -> Table:
    table = titled_table(problem.name, "section", "resolved")
    names, rows = data.parts, sum(data.rows.values()) + data.left_out
    span = names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
    table.add_row("data", f"{problem.data.path}: {plural(len(names), 'part')} ({span}), {rows:,} rows")
    table.add_row("split", _split(problem, data))
    for task, labelled in data.labelled.items():
        if labelled != data.rows:
            table.add_row(f"labels of {task}", f"{_counts(labelled)} labelled")
    model, training, train_rows = problem.model, problem.training, data.rows["train"]
    members = model.members_for(train_rows, unsupervised=any(task.unsupervised for task in problem.tasks.values()))
    table.add_row("model", f"{_options(model, leave_out=('trunk', 'head', 'members'))}, members {members}")
    table.add_row("trunk", _described(model.trunk))
    table.add_row("head", _options(model.head))
    budget = budget_of(training, train_rows)
    separate_rows = ("balancing", "stopping", "checkpoint", "finetune_heads", "teachers", *type(budget).model_fields)
    table.add_row("training", _options(training, leave_out=separate_rows))
    table.add_row("budget", f"{_options(budget)}, for {train_rows:,} training rows")
    table.add_row("balancing", _described(training.balancing))
    table.add_row("stopping", f"{_options(training.stopping)}; checkpoint {training.checkpoint}")
    if training.finetune_heads:
        table.add_row("finetune heads", _options(training.finetune_heads))
    for task, teacher in training.teachers.items():
        table.add_row(f"teacher of {task}", _described(teacher))
    if problem.tuning:
        table.add_row("tuning", f"{problem.tuning.trials} trials over {', '.join(problem.tuning.space)}")
    table.add_row("export", _options(problem.export))
    table.add_row("gates", _gates(problem.gates))
    return table


def _split(problem: Problem, data: DataSummary) -> str:
    """The declared split, the times of its windows if durations are declared, and the rows."""
    lines = [_options(problem.split)]
    if isinstance(problem.split, TimeSplit) and problem.split.durations:
        lines += [f"{name} {window}" for name, window in data.windows.items()]
    lines.append(f"{_counts(data.rows)} rows")
    if data.left_out:
        lines.append(left_out_message(data.left_out))
    return "\n".join(lines)


def _gates(gates: Gates) -> str:
    sections = {
        "": _options(gates, leave_out=("metrics", "baseline", "parity", "latency_ms")),
        "parity ": _options(gates.parity),
        "latency in ms ": _options(gates.latency_ms),
        "off: ": ", ".join(name for name, _ in gates.switched_off()),
    }
    return "; ".join(title + text for title, text in sections.items() if text)


def _features(problem: Problem, types: Mapping[str, str], matches: Mapping[str, Sequence[str]]) -> Table:
    table = titled_table("features", "name", "column", "type", "kind", "options")
    for name, feature in problem.features.items():
        columns = matches[name] if name in matches else [problem.column_of(name)]
        column = f"{len(columns):,} columns" if name in matches else printable(columns[0])
        column_types = ", ".join(sorted({types[column] for column in columns}))
        options = _options(feature, leave_out=("kind", "column"))
        table.add_row(printable(name), column, column_types, feature.kind, options)
    return table


def _tasks(problem: Problem) -> Table:
    table = titled_table("tasks", "name", "kind", "target", "stops on", "better", "options", "limits on test")
    for name, task in problem.tasks.items():
        metric = task.metric_named(task.metric)
        gates = problem.gates
        limits = [f"{metric} {limit:g}" for metric, limit in gates.limits_of(name).items()]
        table.add_row(
            name,
            task.kind,
            ", ".join(map(printable, task.targets)) or "none",
            metric.name,
            "higher" if metric.higher_is_better else "lower",
            _options(task, leave_out=("kind", "target", "columns", "metric")),
            ", ".join([*limits, BASELINE[gates.baseline_rule(name)]]),
        )
    return table


def _counts(counts: Mapping[SplitName, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def _options(section: Any, leave_out: tuple[str, ...] = ()) -> str:
    """The options of a section in one line, without empty and unset values."""
    values = {key: value for key, value in section.model_dump(mode="json").items() if key not in leave_out}
    set_values = {key: value for key, value in values.items() if value not in (None, "", [], {})}
    return printable(", ".join(f"{key} {option_value(value)}" for key, value in set_values.items()))


def _described(options: Any) -> Text:
    """The options of a method, then the first sentence of their docstring."""
    sentence = " ".join((inspect.getdoc(type(options)) or "").split()).split(". ")[0].rstrip(".")
    return Text(_options(options)).append(f"\n{sentence}", "dim")
