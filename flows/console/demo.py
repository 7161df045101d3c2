"""Output of `mtl demo`: predictions next to the true labels, and the paths of the results."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from flows.console.terminal import open_console, shortened, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.layout import Layout
    from mtl_core.config import Problem

SHOWN_INPUTS = 4
SHOWN_LEVELS = 5
SHOWN_ITEMS = 5
LONGEST_NAME = 24
LONGEST_VALUE = 30
NOTHING = "-"


def prediction_table(
    problem: Problem, inputs: list[str], rows: list[dict[str, Any]], predictions: list[dict[str, Any]]
) -> Table:
    """Column per row of data, so that any number of tasks fits on the screen."""
    table = Table(title="predictions and true labels", title_justify="left", title_style="bold")
    table.add_column("row", no_wrap=True)
    for number in range(1, len(rows) + 1):
        table.add_column(str(number), overflow="fold")
    for name in inputs[:SHOWN_INPUTS]:
        table.add_row(_name(name), *(Text(_short(row[name])) for row in rows), style="dim")
    table.add_section()
    for name, task in problem.tasks.items():
        answers = [given.get(name) for given in predictions]
        table.add_row(
            Text(_name(name), "bold").append(_levels(answers[0]), "not bold"), *(Text(predicted(a)) for a in answers)
        )
        if task.targets:
            column = task.targets[0] if len(task.targets) == 1 else "true labels"
            table.add_row(f"  {_name(column)}", *(Text(true_label(row, task.targets)) for row in rows), style="cyan")
        table.add_section()
    return table


def _name(name: str) -> str:
    return shortened(shown(name), LONGEST_NAME)


def refusal(champion: str, answer: dict[str, Any]) -> str:
    """Words of a refusal by the service of rows of the test split, from the body of its answer."""
    error = answer["error"]
    lines = [f"  row {one['row']}, {one['field']}: {one['rule']}, found {one['found']}" for one in error["details"]]
    first = f"champion {champion}: the service must accept rows of the test split, found: {error['message']}"
    last = "no client can send these values; fix them in the data, or remove the feature"
    return "\n".join([first, *lines, last])


def predicted(answer: Any) -> str:
    """Short text for one task's answer to one row, as the service returns it."""
    match answer:
        case {"class": None} | {"labels": None} | {"cluster": None} | {"decision": None}:
            return NOTHING
        case {"decision": bool(decision), "probability": probability}:
            return f"{'yes' if decision else 'no'} ({probability:.2f})"
        case {"class": best, "probabilities": probabilities}:
            return f"{_short(best)} ({probabilities[best]:.2f})"
        case {"labels": [], "probabilities": probabilities}:
            return f"none ({_likely(probabilities, [max(probabilities, key=probabilities.get)])})"
        case {"labels": labels, "probabilities": probabilities}:
            return _likely(probabilities, labels)
        case {"cluster": int(cluster), "probabilities": probabilities}:
            return f"{cluster} ({probabilities[cluster]:.2f})"
        case list():  # of a task of level token
            return _listed([predicted(item) for item in answer[: SHOWN_ITEMS + 1]])
        case dict():
            return " | ".join(_short(answer[level]) for level in _few(answer))
        case _:
            return _short(answer)


def _levels(answer: Any) -> str:
    """The levels shown, where the answer holds quantiles."""
    is_quantiles = isinstance(answer, dict) and not answer.keys() & {"probabilities", "probability"}
    return f" {' | '.join(_few(answer))}" if is_quantiles else ""


def _few(quantiles: dict[str, Any]) -> list[str]:
    """All levels; of more than SHOWN_LEVELS the outermost and the middle one."""
    levels = list(quantiles)
    return levels if len(levels) <= SHOWN_LEVELS else [levels[0], levels[len(levels) // 2], levels[-1]]


def true_label(row: dict[str, Any], targets: Sequence[str]) -> str:
    """Short text for a row's target; of several targets, the positive ones, and with a question mark the unlabelled."""
    if len(targets) == 1:
        return _short(row[targets[0]])
    known = [name for name in targets if not _is_missing(row[name])]
    shown = [name if name in known else f"{name}?" for name in targets if name not in known or row[name]]
    return (", ".join(shown) or "none") if known else NOTHING


def _likely(probabilities: dict[str, float], labels: Sequence[str]) -> str:
    """Labels with their probabilities, highest first."""
    ranked = sorted(labels, key=lambda label: -probabilities[label])
    return ", ".join(f"{_short(label)} {probabilities[label]:.2f}" for label in ranked)


def _short(value: Any) -> str:
    match value:
        case _ if _is_missing(value):
            return NOTHING
        case bool():
            return "yes" if value else "no"
        case float() | Decimal():
            number = float(value)
            return f"{number:.0f}" if 1_000 <= abs(number) < 1e15 else f"{number:.3g}"
        case list():
            return _listed([_short(item) for item in value[: SHOWN_ITEMS + 1]])
        case _:
            return shortened(shown(str(value)), LONGEST_VALUE)


def _listed(items: list[str]) -> str:
    """The first of them."""
    return ", ".join(items[:SHOWN_ITEMS] + ["…"] * (len(items) > SHOWN_ITEMS)) or NOTHING


def _is_missing(value: Any) -> bool:
    return value is None or value != value  # NaN


def print_paths(layout: Layout, name: str, model: Path) -> None:
    """Paths of report, checks, Data Docs and model, then the command that serves it."""
    here, console = Path.cwd(), open_console()
    paths = {
        "report": layout.report,
        "checks": layout.checks,
        "Data Docs": layout.validation / "data_docs" / "index.html",
        "model": model,
    }
    width = max(map(len, paths))
    for title, path in paths.items():
        shown = path.relative_to(here) if path.is_relative_to(here) else path
        console.print(f"{title:>{width}}  {shown}", highlight=False, soft_wrap=True)
    folder = "" if layout.folder == here else f" -C {layout.folder}"
    console.print(f"\nTo serve {name}: mtl serve{folder}", highlight=False, soft_wrap=True)
