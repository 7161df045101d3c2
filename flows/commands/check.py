"""`mtl check`: the declared problem, resolved, or what is wrong with it."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flows.arguments import example, in_folder, json_output

if TYPE_CHECKING:
    from rich.table import Table

    from mtl_core.config import Problem

__all__ = ["command"]


@click.command(epilog=example("mtl check", "mtl check -C customers --json | jq .tasks"))
@in_folder
@json_output
def command(folder: Path, as_json: bool) -> None:
    """Show the declared problem, resolved, or say what is wrong with it.

    Reads params.yaml and the data's schema; nothing is run. Every mistake is named with its path in the file,
    the rule, the value found and the nearest valid name.
    """
    from mtl_core.config import load_problem
    from mtl_core.data.parts import column_types, parts

    problem = load_problem(folder)
    sources = parts(folder, problem)
    types = column_types(folder, problem)
    counts = [_rows(part.path) for part in sources]
    rows = None if None in counts else sum(count or 0 for count in counts)
    if as_json:
        import json

        resolved = problem.model_dump(mode="json")
        if problem.tuning:
            resolved["tuning"] = problem.tuning.model_dump(mode="json")
        resolved["data"] |= {
            "parts": [part.name for part in sources],
            "rows": rows,
            "types": {name: str(kind) for name, kind in types.items()},
        }
        click.echo(json.dumps(resolved, indent=1))
        return
    from rich.console import Console

    console = Console()
    for table in _tables(problem, [part.name for part in sources], rows, types):
        console.print(table)
    console.print(
        f"[green]{problem.name}: {len(problem.features)} features, {len(problem.tasks)} tasks; nothing wrong found"
    )


def _rows(path: Path) -> int | None:
    """Rows of a Parquet file, from its footer; None for CSV, which would have to be read whole."""
    import pyarrow.parquet as pq

    return int(pq.read_metadata(path).num_rows) if path.suffix == ".parquet" else None


def _tables(problem: Problem, names: list[str], rows: int | None, types: Any) -> list[Table]:
    return [_overview(problem, names, rows), _features(problem, types), _tasks(problem)]


def _overview(problem: Problem, names: list[str], rows: int | None) -> Table:
    table = _table(problem.name, "section", "resolved")
    span = names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
    counted = "rows counted when they are read" if rows is None else f"{rows:,} rows"
    table.add_row("data", f"{problem.data.path}: {len(names)} part{'s' if len(names) > 1 else ''} ({span}), {counted}")
    table.add_row("split", _words(problem.split))
    trunk, head = problem.model.trunk, problem.model.head
    table.add_row("trunk", f"{_words(trunk)}; embedding {problem.model.embedding}\n{_meaning(trunk)}")
    table.add_row("head", _words(head))
    training = problem.training
    apart = ("balancing", "stopping", "checkpoint", "finetune_heads", "teachers")
    table.add_row("training", _words(training, leave_out=apart))
    table.add_row("balancing", f"{_words(training.balancing)}\n{_meaning(training.balancing)}")
    table.add_row(
        "stopping", f"{_words(training.stopping)}; the model is the epoch with the best {training.checkpoint}"
    )
    if training.finetune_heads:
        table.add_row("finetune heads", _words(training.finetune_heads))
    for task, teacher in training.teachers.items():
        table.add_row(f"teacher of {task}", f"{_words(teacher)}\n{_meaning(teacher)}")
    if problem.tuning:
        table.add_row("tuning", f"{problem.tuning.trials} trials over {', '.join(problem.tuning.space)}")
    table.add_row("export", _words(problem.export))
    gates = problem.gates
    table.add_row(
        "gates", _words(gates, leave_out=("metrics", "latency_ms")) + f"; latency {_words(gates.latency_ms)} ms"
    )
    return table


def _features(problem: Problem, types: Any) -> Table:
    table = _table("features", "name", "column", "type", "kind", "options")
    for name, feature in problem.features.items():
        column = problem.column_of(name)
        table.add_row(name, column, str(types[column]), feature.kind, _words(feature, leave_out=("kind", "column")))
    return table


def _tasks(problem: Problem) -> Table:
    table = _table("tasks", "name", "kind", "target", "stops on", "better", "options", "limits on test")
    for name, task in problem.tasks.items():
        metric = task.metric_named(task.metric)
        limits = problem.gates.metrics.get(name, {})
        table.add_row(
            name,
            task.kind,
            ", ".join(task.targets) or "none",
            metric.name,
            "higher" if metric.higher_is_better else "lower",
            _words(task, leave_out=("kind", "target", "columns", "metric")),
            ", ".join(f"{key} {value:g}" for key, value in limits.items()) or "only against the trivial predictor",
        )
    return table


def _words(model: Any, leave_out: tuple[str, ...] = ()) -> str:
    """A declared section in one line, without what says nothing: empty and unset values."""
    values = {key: value for key, value in model.model_dump(mode="json").items() if key not in leave_out}
    shown = {key: value for key, value in values.items() if value not in (None, "", [], {})}
    return ", ".join(f"{key} {_value(value)}" for key, value in shown.items())


def _meaning(options: Any) -> str:
    """What a choice means: the first sentence that is written about it."""
    sentence = " ".join((inspect.getdoc(type(options)) or "").split()).split(". ")[0].rstrip(".")
    return f"[dim]{sentence}"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "(" + ", ".join(f"{key} {_value(item)}" for key, item in value.items() if item is not None) + ")"
    if isinstance(value, list):
        return " | ".join(str(item) for item in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _table(title: str, *columns: str) -> Table:
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
