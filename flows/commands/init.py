"""`mtl init FILE --tasks a,b`: a new problem from a table."""

from pathlib import Path

import click

from flows.commands.arguments import example
from flows.environment import prepare_environment

__all__ = ["command"]


def _print_graph(context: click.Context, _parameter: click.Parameter, asked: bool) -> None:
    if asked:
        from flows.pipeline.graph import graph_text

        click.echo(graph_text(), nl=False)
        context.exit()


@click.command(epilog=example("mtl init customers.csv --tasks churned,spend -C customers"))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, resolve_path=True, path_type=Path))
@click.option("--tasks", multiple=True, required=True, metavar="A,B", help="Columns to predict; may be given again.")
@click.option(
    "-C",
    "--folder",
    metavar="FOLDER",
    type=click.Path(file_okay=False, resolve_path=True, path_type=Path),
    default=".",
    help="The problem's folder, created if needed; the current one where none is given.",
)
@click.option("--name", metavar="NAME", help="Name of the model; the file's name where none is given.")
@click.option(
    "--graph",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_graph,
    help="Print the dvc.yaml of this version and exit: it replaces that of an earlier one.",
)
def command(file: Path, tasks: tuple[str, ...], folder: Path, name: str | None) -> None:
    """Make a new problem from a CSV or Parquet FILE.

    Writes a commented params.yaml with the kinds of features and tasks guessed and the doubts marked, and dvc.yaml;
    copies FILE to data/ and pins it. Overwrites nothing.
    """
    from flows.console.draft import next_steps
    from flows.draft.drafting import draft_problem

    prepare_environment(folder)
    draft, lines = draft_problem(file, tasks, folder, name)
    click.echo("\n".join([*lines, next_steps(draft, folder)]))
