"""`mtl init FILE --tasks a,b`: create a problem from its data."""

import re
from pathlib import Path

import click

from flows.commands.arguments import example
from flows.environment import prepare_environment


def _print_graph(context: click.Context, _parameter: click.Parameter, requested: bool) -> None:
    if requested:
        from flows.pipeline.graph import graph_text

        click.echo(graph_text(), nl=False)
        context.exit()


def _print_deployments(context: click.Context, _parameter: click.Parameter, name: str | None) -> None:
    if name is not None:
        from flows.deployments.prefect_yaml import deployments_text
        from mtl_core.config.document import NAME, RULES

        if not re.fullmatch(NAME, name):
            raise click.BadParameter(f"must be {RULES[NAME]}, found {name!r}")
        click.echo(deployments_text(name), nl=False)
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
@click.option(
    "--deployments",
    metavar="NAME",
    is_eager=True,
    expose_value=False,
    callback=_print_deployments,
    help="Print the prefect.yaml of a problem of that name and exit. Use it for a problem of an earlier version.",
)
def command(file: Path, tasks: tuple[str, ...], folder: Path, name: str | None) -> None:
    """Create a problem from a CSV, JSON lines or Parquet FILE, or a folder of such files.

    FILE can also be tagged text: a column file as of CoNLL-2003, a folder of them, or a folder with seq.in, seq.out and
    label. Their columns are text, spans, file and label.

    Infers the kinds of features and tasks, writes a commented params.yaml, a dvc.yaml and a prefect.yaml, copies FILE
    to data/ and pins it with DVC. Uncertain guesses are marked `warning:`. Never overwrites existing files.
    """
    from flows.console.draft import next_steps
    from flows.draft.drafting import draft_problem

    prepare_environment(folder)
    draft, lines = draft_problem(file, tasks, folder, name)
    click.echo("\n".join([*lines, next_steps(draft, folder)]))
