"""`mtl data`: data/ as data.dvc pins it."""

from pathlib import Path

import click

from flows.commands.arguments import example, in_folder

__all__ = ["command"]


@click.command(epilog=example("mtl data", "mtl data -C customers"))
@in_folder
def command(folder: Path) -> None:
    """Fetch the data that data.dvc pins.

    From the default DVC remote where one is configured, else by the problem's own fetch_data.py. Files that differ
    from the pinned ones are named and left alone.
    """
    from flows.pipeline.pin import fetch

    click.echo(fetch(folder))
