"""`mtl demo`: the champion's predictions for real rows, over HTTP, next to the true labels."""

from pathlib import Path

import click

from flows.commands.arguments import example, in_folder

__all__ = ["command"]


@click.command(epilog=example("mtl demo", "mtl demo -C customers --rows 12"))
@in_folder
@click.option(
    "--rows", default=6, show_default=True, type=click.IntRange(1, 1000), help="Number of rows of the test split."
)
def command(folder: Path, rows: int) -> None:
    """Serve the champion for a moment and ask it about real rows of the test split.

    Starts the BentoML service on a free port of this machine, POSTs the rows, prints every task's prediction next to
    the true label, and stops the service. Then prints where the results are.
    """
    from flows.demo import run_demo

    run_demo(folder, rows)
