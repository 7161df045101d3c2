"""`mtl profile`: writes the problem's Great Expectations suite from its data."""

from pathlib import Path

import click

from flows.commands.arguments import example, in_folder

__all__ = ["command"]


@click.command(epilog=example("mtl profile", "mtl profile --reference 2013-01.parquet --reference 2013-02.parquet"))
@click.option(
    "--reference",
    "references",
    metavar="PART",
    multiple=True,
    help="A part, by its file name, to learn the limits from; may be given again. All parts where none is given.",
)
@click.option("--force", is_flag=True, help="Overwrite a suite that people may have edited.")
@in_folder
def command(folder: Path, references: tuple[str, ...], force: bool) -> None:
    """Write what is expected of the data, as a suite that people then edit.

    Columns, types, holes, ranges, categories, rows and label rates, each with room around what the reference holds.
    An edited suite is not overwritten without --force; what would change is listed.
    """
    from mtl_core.config import load_problem
    from mtl_core.validation.profile import write_profile

    for line in write_profile(folder, load_problem(folder), references, force=force):
        click.echo(line)
