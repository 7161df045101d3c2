"""Output of `mtl check`: the resolved problem as tables."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from flows.console.terminal import open_console, shown
from mtl_core.config.budget import budget_of
from mtl_core.report.wording import option_value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mtl_core.config import Gates, Problem
    from mtl_core.data.split import SplitName
    from mtl_core.validation.preflight import DataSummary

BASELINE = {
    "required": "better than the baseline",
    "report": "not worse than the baseline",
    "ignore": "not compared with the baseline",
}
"""Rule of a task's baseline, in words."""


def print_problem(
    problem: Problem, data: DataSummary, types: Mapping[str, str], matches: Mapping[str, Sequence[str]]
) -> None:
    """Sections, features and tasks; then a line that nothing is wrong.

    Args:
        data: part files, rows and labelled rows.
        types: column -> type.
        matches: pattern -> the columns that it declares.
    """
    console = open_console()
    for table in (_overview(problem, data), _features(problem, types, matches), _tasks(problem)):
        console.print(table)
    features = len(problem.features) - len(matches) + sum(map(len, matches.values()))
    counts = f"{features:,} features, {len(problem.tasks)} tasks"
    console.print(f"{problem.name}: {counts}; no errors found", style="green")


def print_warnings(warnings: Sequence[str]) -> None:
    """A line per warning: what may be right, but looks wrong."""
    console = open_console()
    for warning in warnings:
        console.print(f"warning: {warning}", style="yellow", soft_wrap=True, highlight=False)


def _overview(problem: Problem, data: DataSummary) -> Table:
    table = _table(problem.name, "section", "resolved")
    names, rows = data.parts, sum(data.rows.values())
    span = names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
    parts = f"{len(names)} part{'s' if len(names) > 1 else ''} ({span})"
    table.add_row("data", f"{problem.data.path}: {parts}, {rows:,} rows")
    table.add_row("split", f"{_words(problem.split)}\n{_counts(data.rows)} rows")
    for task, labelled in data.labelled.items():
        if labelled != data.rows:
            table.add_row(f"labels of {task}", f"{_counts(labelled)} labelled")
    model, training, train_rows = problem.model, problem.training, data.rows["train"]
    members = model.members_for(train_rows, unsupervised=any(task.unsupervised for task in problem.tasks.values()))
    table.add_row("model", f"{_words(model, leave_out=('trunk', 'head', 'members'))}, members {members}")
    table.add_row("trunk", _explained(_words(model.trunk), model.trunk))
    table.add_row("head", _words(model.head))
    budget = budget_of(training, train_rows)
    apart = ("balancing", "stopping", "checkpoint", "finetune_heads", "teachers", *type(budget).model_fields)
    table.add_row("training", _words(training, leave_out=apart))
    table.add_row("budget", f"{_words(budget)}, for {train_rows:,} training rows")
    table.add_row("balancing", _explained(_words(training.balancing), training.balancing))
    table.add_row("stopping", f"{_words(training.stopping)}; checkpoint {training.checkpoint}")
    if training.finetune_heads:
        table.add_row("finetune heads", _words(training.finetune_heads))
    for task, teacher in training.teachers.items():
        table.add_row(f"teacher of {task}", _explained(_words(teacher), teacher))
    if problem.tuning:
        table.add_row("tuning", f"{problem.tuning.trials} trials over {', '.join(problem.tuning.space)}")
    table.add_row("export", _words(problem.export))
    table.add_row("gates", _gates(problem.gates))
    return table


def _gates(gates: Gates) -> str:
    """Limits that hold for every task, then the gates that are switched off."""
    sections = {
        "": _words(gates, leave_out=("metrics", "baseline", "parity", "latency_ms")),
        "parity ": _words(gates.parity),
        "latency in ms ": _words(gates.latency_ms),
        "off: ": ", ".join(name for name, _ in gates.switched_off()),
    }
    return "; ".join(title + words for title, words in sections.items() if words)


def _features(problem: Problem, types: Mapping[str, str], matches: Mapping[str, Sequence[str]]) -> Table:
    """A row per feature; of a pattern the number of columns and their types."""
    table = _table("features", "name", "column", "type", "kind", "options")
    for name, feature in problem.features.items():
        options = _words(feature, leave_out=("kind", "column"))
        if name in matches:
            columns = matches[name]
            found = ", ".join(sorted({types[column] for column in columns}))
            table.add_row(shown(name), f"{len(columns):,} columns", found, feature.kind, options)
        else:
            column = problem.column_of(name)
            table.add_row(name, shown(column), types[column], feature.kind, options)
    return table


def _tasks(problem: Problem) -> Table:
    table = _table("tasks", "name", "kind", "target", "stops on", "better", "options", "limits on test")
    for name, task in problem.tasks.items():
        metric = task.metric_named(task.metric)
        gates = problem.gates
        limits = [f"{metric} {limit:g}" for metric, limit in gates.limits_of(name).items()]
        table.add_row(
            name,
            task.kind,
            ", ".join(map(shown, task.targets)) or "none",
            metric.name,
            "higher" if metric.higher_is_better else "lower",
            _words(task, leave_out=("kind", "target", "columns", "metric")),
            ", ".join([*limits, BASELINE[gates.baseline_rule(name)]]),
        )
    return table


def _counts(counts: Mapping[SplitName, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def _words(model: Any, leave_out: tuple[str, ...] = ()) -> str:
    """The options of a section in one line, without empty and unset values."""
    values = {key: value for key, value in model.model_dump(mode="json").items() if key not in leave_out}
    given = {key: value for key, value in values.items() if value not in (None, "", [], {})}
    return shown(", ".join(f"{key} {option_value(value)}" for key, value in given.items()))


def _explained(words: str, options: Any) -> Text:
    """The words, then the first sentence of the docstring of a method's options."""
    sentence = " ".join((inspect.getdoc(type(options)) or "").split()).split(". ")[0].rstrip(".")
    return Text(words).append(f"\n{sentence}", "dim")


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
