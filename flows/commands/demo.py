"""`mtl demo`: the champion's answers for real rows, over HTTP, beside what really happened."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flows.arguments import example, in_folder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from flows.layout import Layout
    from mtl_core.config import Problem

__all__ = ["beside", "command", "happened", "predicted"]

SHOWN_INPUTS = 4
SHOWN_LEVELS = 5
NOTHING = "-"


@click.command(epilog=example("mtl demo", "mtl demo -C customers --rows 12"))
@in_folder
@click.option(
    "--rows", default=6, show_default=True, type=click.IntRange(1, 1000), help="How many rows of the test split."
)
def command(folder: Path, rows: int) -> None:
    """Serve the champion for a moment and ask it about real rows of the test split.

    Starts the BentoML service on a free port of this machine, POSTs the rows, prints every task's prediction beside
    what really happened, and stops the service. Then says where everything lies.
    """
    import httpx
    import pyarrow.parquet as pq
    from rich.console import Console

    from flows.environment import store_home
    from flows.layout import Layout
    from mtl_core.config import load_problem
    from serving.process import running
    from serving.signature import read_signature
    from serving.store import Store

    problem, layout, store = load_problem(folder), Layout(folder), Store(store_home(folder))
    table = pq.read_table(layout.encoded / "test.parquet")
    few = table.take(_spread(table.num_rows, rows)).to_pylist()
    console = Console()
    with running(store.home, problem.name) as url:
        champion = store.champion(problem.name)
        assert champion is not None  # running refuses to start without one
        inputs = [column.name for column in read_signature(store.path(champion) / layout.signature.name).inputs]
        asked = [{name: row[name] for name in inputs} for row in few]
        answer = httpx.post(f"{url}/predict", json=asked, timeout=30.0, trust_env=False).raise_for_status().json()
        console.print(f"POST {url}/predict: {len(asked)} rows, answered by {answer['model']}", highlight=False)
    console.print(beside(problem, inputs, few, answer["predictions"]))
    _say_where(layout, problem.name, store.path(champion))


def _spread(total: int, count: int) -> list[int]:
    """Row numbers at even distances over the whole."""
    count = min(count, total)
    return [place * total // count for place in range(count)]


def beside(problem: Problem, inputs: list[str], rows: list[dict[str, Any]], predictions: list[dict[str, Any]]) -> Table:
    """A column per row of data, so that any number of tasks fits on the screen."""
    from rich.table import Table
    from rich.text import Text  # a name may hold what rich would take for its markup

    table = Table(title="predicted, and what really happened", title_justify="left", title_style="bold")
    table.add_column("row", no_wrap=True)
    for number in range(1, len(rows) + 1):
        table.add_column(str(number), overflow="fold")
    for name in inputs[:SHOWN_INPUTS]:
        table.add_row(Text(name), *(Text(_short(row[name])) for row in rows), style="dim")
    table.add_section()
    for name, task in problem.tasks.items():
        answers = [given.get(name) for given in predictions]
        table.add_row(
            Text(name, "bold").append(_levels(answers[0]), "not bold"), *(Text(predicted(a)) for a in answers)
        )
        if task.targets:
            column = task.targets[0] if len(task.targets) == 1 else "truly"
            table.add_row(Text(f"  {column}"), *(Text(happened(row, task.targets)) for row in rows), style="cyan")
        table.add_section()
    return table


def predicted(answer: Any) -> str:
    """One task's answer for one row, as the service gives it, in a few words."""
    match answer:
        case {"class": None} | {"labels": None} | {"cluster": None}:
            return NOTHING
        case {"class": likeliest, "probabilities": chances}:
            return f"{likeliest} ({chances[likeliest]:.2f})"
        case {"labels": [], "probabilities": chances}:
            return f"none ({_likely(chances, [max(chances, key=chances.get)])})"
        case {"labels": labels, "probabilities": chances}:
            return _likely(chances, labels)
        case {"cluster": int(cluster), "probabilities": chances}:
            return f"{cluster} ({chances[cluster]:.2f})"
        case dict():
            return " | ".join(_short(answer[level]) for level in _few(answer))
        case _:
            return _short(answer)


def _levels(answer: Any) -> str:
    """Of the quantiles of that answer, if it holds quantiles."""
    return f" {' | '.join(_few(answer))}" if isinstance(answer, dict) and "probabilities" not in answer else ""


def _few(quantiles: dict[str, Any]) -> list[str]:
    """All levels, or of many the outermost and the one in the middle."""
    levels = list(quantiles)
    return levels if len(levels) <= SHOWN_LEVELS else [levels[0], levels[len(levels) // 2], levels[-1]]


def happened(row: dict[str, Any], targets: Sequence[str]) -> str:
    """What a row's target holds; of several, which hold a yes, and with a question mark which hold nothing."""
    if len(targets) == 1:
        return _short(row[targets[0]])
    known = [name for name in targets if not _is_missing(row[name])]
    said = [name if name in known else f"{name}?" for name in targets if name not in known or row[name]]
    return (", ".join(said) or "none") if known else NOTHING


def _likely(chances: dict[str, float], labels: Sequence[str]) -> str:
    """The likeliest first."""
    return ", ".join(f"{label} {chances[label]:.2f}" for label in sorted(labels, key=lambda one: -chances[one]))


def _short(value: Any) -> str:
    match value:
        case _ if _is_missing(value):
            return NOTHING
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.3g}"
        case _:
            return str(value)


def _is_missing(value: Any) -> bool:
    return value is None or value != value  # NaN


def _say_where(layout: Layout, name: str, model: Path) -> None:
    here = Path.cwd()
    places = {
        "report": layout.report,
        "checks": layout.checks,
        "Data Docs": layout.validation / "data_docs" / "index.html",
        "model": model,
    }
    width = max(map(len, places))
    for what, path in places.items():
        shown = path.relative_to(here) if path.is_relative_to(here) else path
        click.echo(f"{what:>{width}}  {shown}")
    folder = "" if layout.folder == here else f" -C {layout.folder}"
    click.echo(f"\nServe {name} for good: mtl serve{folder}")
