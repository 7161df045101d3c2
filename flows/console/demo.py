"""Output of `mtl demo`: predictions next to the true labels, and the paths of the results."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from flows.console.terminal import open_console, printable, shorten, titled_table
from mtl_core.report.wording import UNDEFINED, join_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from flows.layout import Layout
    from mtl_core.config import Problem

MAX_INPUTS = 4
MAX_LEVELS = 5
MAX_ITEMS = 5
MAX_NAME_LENGTH = 24
MAX_VALUE_LENGTH = 30
NO_ITEM = "none"
"""Text for an empty list, such as that of a text without spans, which is not a missing value."""


def prediction_table(
    problem: Problem, inputs: list[str], rows: list[dict[str, Any]], predictions: list[dict[str, Any]]
) -> Table:
    """Table with a column per row of data, so that any number of tasks fits on the screen."""
    table = titled_table("predictions and true labels", "row", *(str(index + 1) for index in range(len(rows))))
    table.columns[0].no_wrap = True
    for name in inputs[:MAX_INPUTS]:
        table.add_row(_name(name), *(_value_text(row[name]) for row in rows), style="dim")
    table.add_section()
    for name, task in problem.tasks.items():
        answers = [prediction.get(name) for prediction in predictions]
        title = Text(_name(name), "bold").append(_levels_text(answers[0]), "not bold")
        table.add_row(title, *map(prediction_text, answers))
        if task.targets:
            column = task.targets[0] if len(task.targets) == 1 else "true labels"
            table.add_row(f"  {_name(column)}", *(label_text(row, task.targets) for row in rows), style="cyan")
        table.add_section()
    return table


def _name(name: str) -> str:
    return shorten(printable(name), MAX_NAME_LENGTH)


def refusal_text(champion: str, answer: dict[str, Any]) -> str:
    """Message about rows of the test split that the service refused, from the body of its answer."""
    error = answer["error"]
    details = ["  row {row}, {field}: {rule}, found {found}".format(**detail) for detail in error["details"]]
    first = f"champion {champion}: the service must accept rows of the test split, found: {error['message']}"
    last = "no client can send these values; fix them in the data, or remove the feature"
    return "\n".join([first, *details, last])


def prediction_text(answer: Any) -> str:
    """Short text for one task's answer to one row, as the service returns it."""
    match answer:
        case {"class": None} | {"labels": None} | {"cluster": None} | {"decision": None}:
            return UNDEFINED
        case {"decision": bool(decision), "probability": probability}:
            return f"{_value_text(decision)} ({probability:.2f})"
        case {"class": predicted, "probabilities": probabilities}:
            return f"{_value_text(predicted)} ({probabilities[predicted]:.2f})"
        case {"labels": [], "probabilities": probabilities}:
            return f"none ({_ranked_labels(probabilities, [max(probabilities, key=probabilities.get)])})"
        case {"labels": labels, "probabilities": probabilities}:
            return _ranked_labels(probabilities, labels)
        case {"cluster": int(cluster), "probabilities": probabilities}:
            return f"{cluster} ({probabilities[cluster]:.2f})"
        case {"start": int(), "text": text, "probability": probability}:
            return f"{_value_text(text)}: {_value_text(answer)} ({probability:.2f})"
        case list():  # spans, or a task of level token
            return join_names([prediction_text(item) for item in answer], MAX_ITEMS) or NO_ITEM
        case dict():
            return " | ".join(_value_text(answer[level]) for level in _shown_levels(answer))
        case _:
            return _value_text(answer)


def _levels_text(answer: Any) -> str:
    is_quantiles = isinstance(answer, dict) and not answer.keys() & {"probabilities", "probability"}
    return f" {' | '.join(_shown_levels(answer))}" if is_quantiles else ""


def _shown_levels(quantiles: dict[str, Any]) -> list[str]:
    """All levels; of more than MAX_LEVELS the first, the central and the last one."""
    levels = list(quantiles)
    return levels if len(levels) <= MAX_LEVELS else [levels[0], levels[len(levels) // 2], levels[-1]]


def label_text(row: dict[str, Any], targets: Sequence[str]) -> str:
    """Short text for a row's target; of several targets the positive ones, and the unlabelled ones with a "?"."""
    if len(targets) == 1:
        return _value_text(row[targets[0]])
    missing = [name for name in targets if _is_missing(row[name])]
    if len(missing) == len(targets):
        return UNDEFINED
    names = [f"{name}?" if name in missing else name for name in targets if name in missing or row[name]]
    return ", ".join(names) or "none"


def _ranked_labels(probabilities: dict[str, float], labels: Sequence[str]) -> str:
    ranked = sorted(labels, key=lambda label: -probabilities[label])
    return ", ".join(f"{_value_text(label)} {probabilities[label]:.2f}" for label in ranked)


def _value_text(value: Any) -> str:
    match value:
        case _ if _is_missing(value):
            return UNDEFINED
        case bool():
            return "yes" if value else "no"
        case float() | Decimal():
            number = float(value)
            return f"{number:.0f}" if 1_000 <= abs(number) < 1e15 else f"{number:.3g}"
        case list():
            return join_names([_value_text(item) for item in value], MAX_ITEMS) or NO_ITEM
        case {"start": int(start), "end": int(end), "label": label}:
            return f"{_value_text(label)} {start}-{end}"
        case _:
            return shorten(printable(str(value)), MAX_VALUE_LENGTH)


def _is_missing(value: Any) -> bool:
    return value is None or value != value  # NaN


def print_paths(layout: Layout, name: str, model: Path) -> None:
    """Print the paths of report, checks, Data Docs and model, then the command that serves it."""
    directory, console = Path.cwd(), open_console()
    paths = {
        "report": layout.report,
        "checks": layout.checks,
        "Data Docs": layout.validation / "data_docs" / "index.html",
        "model": model,
    }
    width = max(map(len, paths))
    for title, path in paths.items():
        console.out(f"{title:>{width}}  {path.relative_to(directory) if path.is_relative_to(directory) else path}")
    option = "" if layout.folder == directory else f" -C {layout.folder}"
    console.out(f"\nTo serve {name}: mtl serve{option}")
