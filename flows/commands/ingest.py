"""`mtl ingest PART…`: add part files and late labels to the data."""

import dataclasses
import json
import sys
from pathlib import Path

import click

from flows.commands.arguments import example, in_folder, json_output, reserve_stdout, wait_option
from flows.environment import prepare_prefect
from flows.running import check_start, exclusive_run
from mtl_core.errors import DataError

DEFAULT_INBOX = ""
"""Value of `--inbox` without a folder."""


@click.command(
    epilog=example(
        "mtl ingest 2014-01.parquet 2014-02.parquet",
        "mtl ingest --update labels-of-january.csv",
        "mtl ingest --inbox -C customers",
    )
)
@click.argument("parts", metavar="[PART]...", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--update",
    "updates",
    metavar="FILE",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Labels of rows that are in the data, by the columns of data.key. May be given several times.",
)
@click.option("--replace", "replace_parts", is_flag=True, help="Let a part replace the one of the same name.")
@click.option(
    "--inbox",
    metavar="[FOLDER]",
    is_flag=False,
    flag_value=DEFAULT_INBOX,
    help="Run the flow over the files of an inbox. Default: inbox/ in the problem folder.",
)
@click.option(
    "--settle",
    metavar="SECONDS",
    type=click.FloatRange(0, 3600),
    default=5.0,
    show_default=True,
    help="With --inbox: time during which a file must not change to be taken.",
)
@in_folder
@json_output
@wait_option
def command(
    parts: tuple[Path, ...],
    updates: tuple[Path, ...],
    replace_parts: bool,
    inbox: str | None,
    settle: float,
    folder: Path,
    as_json: bool,
    wait: bool,
) -> None:
    """Add part files and late labels to the data.

    Each PART is checked against the present parts and the expectation suite, then copied to the folder of data.path.
    data.dvc is updated, and the data are pushed if a default DVC remote is configured. A file that does not fit is
    refused with the reason; the others are added. A crash leaves the old data or the new data.

    Rows that break an expectation are reported; the stage `validate` quarantines them. With --update, labels are
    written into the rows with the same key; an empty label changes nothing.

    Exits with code 3 if a file was refused, 8 if the push failed (the next ingest pushes again), 9 if another command
    is using the problem.
    """
    if (inbox is None) == (not parts and not updates):
        raise click.UsageError("give part files, --update FILE, or --inbox; --inbox takes no other files")
    if inbox is not None and replace_parts:
        raise click.UsageError("--replace is for part files; a part of an inbox never replaces another one")
    with exclusive_run(folder, wait=wait):
        check_start(folder)
        with reserve_stdout(as_json):
            if inbox is None:
                from flows.ingest.ingest import ingest_files

                result = ingest_files(folder, parts, updates, replace_parts=replace_parts)
            else:
                prepare_prefect()
                from flows.ingest.flow import run_ingest

                result = run_ingest(folder, Path(inbox).absolute() if inbox else None, settle)
        if as_json:
            click.echo(json.dumps(dataclasses.asdict(result), indent=1))
        else:
            from flows.console.ingest import print_result

            print_result(result)
        if inbox is None:  # the flow pushes by itself
            from flows.pipeline.pin import push

            with reserve_stdout(as_json):
                pushed = push(folder)
            if pushed and not as_json:
                click.echo(pushed)
    if result.refused:
        sys.exit(DataError.exit_code)
