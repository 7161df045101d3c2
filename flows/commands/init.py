"""`mtl init FILE --tasks a,b`: create a problem from its data."""

from pathlib import Path

import click

from flows.commands.arguments import example
from flows.environment import prepare_environment


def _print_graph(context: click.Context, _parameter: click.Parameter, requested: bool) -> None:
    if requested:
        from flows.pipeline.graph import graph_text

        click.echo(graph_text(), nl=False)
        context.exit()


@click.command(epilog=example("mtl init customers.csv --tasks churned,spend -C customers"))
@click.argument("file", type=click.Path(exists=True, resolve_path=True, path_type=Path))
@click.option(
    "--tasks", multiple=True, required=True, metavar="A,B", help="Columns to predict, separated by commas. Repeatable."
)
@click.option(
    "-C",
    "--folder",
    metavar="FOLDER",
    type=click.Path(file_okay=False, resolve_path=True, path_type=Path),
    default=".",
    help="Problem folder, created if needed. Default: the current directory.",
)
@click.option("--name", metavar="NAME", help="Model name. Default: the name of FILE.")
@click.option(
    "--graph",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_graph,
    help="Print the dvc.yaml of this Trunkline version and exit. Use it after an upgrade.",
)
def command(file: Path, tasks: tuple[str, ...], folder: Path, name: str | None) -> None:
    """Create a problem from a CSV, JSON lines or Parquet FILE, or a folder of such files.

    FILE can also be tagged text: a column file as of CoNLL-2003, a folder of them, or a folder with seq.in, seq.out and
    label. Their columns are text, spans, file and label.

    Infers the kinds of features and tasks, writes a commented params.yaml and a dvc.yaml, copies FILE to data/ and pins
    it with DVC. Uncertain guesses are marked `warning:`. Never overwrites existing files.
    """
    from flows.console.draft import next_steps
    from flows.draft.drafting import draft_problem

    prepare_environment(folder)
    draft, lines = draft_problem(file, tasks, folder, name)
    click.echo("\n".join([*lines, next_steps(draft, folder)]))
