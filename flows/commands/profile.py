"""`mtl profile`: write the Great Expectations suite from the data."""

from pathlib import Path

import click

from flows.commands.arguments import example, in_folder


@click.command(epilog=example("mtl profile", "mtl profile --reference 2013-01.parquet --reference 2013-02.parquet"))
@click.option(
    "--reference",
    "references",
    metavar="PART",
    multiple=True,
    help="Part file to derive the limits from, by file name. Repeatable. Default: all parts.",
)
@click.option("--force", is_flag=True, help="Overwrite an edited suite.")
@in_folder
def command(folder: Path, references: tuple[str, ...], force: bool) -> None:
    """Write a Great Expectations suite from the data.

    Covers columns, types, nulls, ranges, categories, row counts and label rates; each limit has a tolerance around the
    values in the reference parts. Review and edit gx/expectations/NAME.json: every retrain validates the data with it.

    An edited suite is only overwritten with --force; without it, the differences are listed.
    """
    from mtl_core.config import load_problem
    from mtl_core.validation.profile import write_profile

    for line in write_profile(folder, load_problem(folder), references, force=force):
        click.echo(line)
