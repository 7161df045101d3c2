"""`mtl demo`: predictions of the champion for test rows, next to the true labels."""

from pathlib import Path

import click

from flows.commands.arguments import example, in_folder


@click.command(epilog=example("mtl demo", "mtl demo -C customers --rows 12"))
@in_folder
@click.option(
    "--rows", metavar="N", default=6, show_default=True, type=click.IntRange(1, 1000), help="Number of test rows."
)
def command(folder: Path, rows: int) -> None:
    """Show predictions of the champion for rows of the test split.

    Starts the service on a free local port, sends the rows to POST /predict, prints each prediction next to the true
    label, and stops the service. Then prints the paths of the report, the checks, the Data Docs and the model.
    """
    from flows.demo import run_demo

    run_demo(folder, rows)
