"""`mtl data`: brings data/ to what data.dvc pins."""

from pathlib import Path

import click

from flows.arguments import example, in_folder

__all__ = ["command"]


@click.command(epilog=example("mtl data", "mtl data -C customers"))
@in_folder
def command(folder: Path) -> None:
    """Bring data/ to what data.dvc pins.

    From the default DVC remote where one is configured, else by the problem's own fetch_data.py. Files that differ
    from the pinned ones are named and left alone.
    """
    from flows.pinned import bring

    click.echo(bring(folder))
