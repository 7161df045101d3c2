"""`mtl demo`: the champion's answers for real rows, over HTTP, beside what really happened."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flows.arguments import example, in_folder

if TYPE_CHECKING:
    from rich.table import Table

    from flows.layout import Layout
    from mtl_core.problem import Problem

__all__ = ["command"]

SHOWN_INPUTS = 4


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
    from mtl_core.problem import load_problem
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
    console.print(_beside(problem, inputs, few, answer["predictions"]))
    _say_where(layout, problem.name, store.path(champion))


def _spread(total: int, count: int) -> list[int]:
    """Row numbers at even distances over the whole."""
    count = min(count, total)
    return [place * total // count for place in range(count)]


def _beside(
    problem: Problem, inputs: list[str], rows: list[dict[str, Any]], predictions: list[dict[str, Any]]
) -> Table:
    """A column per row of data, so that any number of tasks fits on the screen."""
    from rich.table import Table

    table = Table(title="predicted, and what really happened", title_justify="left", title_style="bold")
    table.add_column("row", no_wrap=True)
    for number in range(1, len(rows) + 1):
        table.add_column(str(number), overflow="fold")
    for name in inputs[:SHOWN_INPUTS]:
        table.add_row(name, *(_short(row[name]) for row in rows), style="dim")
    table.add_section()
    for name, task in problem.tasks.items():
        table.add_row(f"[bold]{name}", *(_short(given.get(name)) for given in predictions))
        table.add_row(f"  {task.target}", *(_short(row[task.target]) for row in rows), style="cyan", end_section=True)
    return table


def _short(value: Any) -> str:
    match value:
        case None:
            return "-"
        case {"class": likeliest, "probabilities": probabilities}:
            return f"{likeliest} ({max(probabilities.values()):.2f})" if likeliest is not None else "-"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.3g}"
        case _:
            return str(value)


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
