"""`mtl data`: fetch the data pinned by data.dvc."""

from pathlib import Path

import click

from flows.commands.arguments import example, in_folder


@click.command(epilog=example("mtl data", "mtl data -C customers"))
@in_folder
def command(folder: Path) -> None:
    """Fetch the data pinned by data.dvc.

    Pulls from the default DVC remote if one is configured; otherwise runs the problem's fetch_data.py. Local files that
    differ from the pinned version are listed and not overwritten.
    """
    from flows.pipeline.pin import fetch

    click.echo(fetch(folder))
