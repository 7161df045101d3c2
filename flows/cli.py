"""The command line `mtl`."""

import gc
import io
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

import click

from mtl_core.errors import TrunklineError
from serving.errors import ServingError
from serving.redaction import redact

INTERRUPTED = 128 + signal.SIGINT
"""Exit code after Ctrl-C, as in a shell."""

COMMANDS = (
    "init",
    "check",
    "data",
    "profile",
    "ingest",
    "retrain",
    "relate",
    "compare",
    "tune",
    "replay",
    "demo",
    "serve",
    "models",
    "promote",
    "approve",
    "rollback",
    "reproduce",
    "add-task",
    "up",
    "stage",
)
"""Commands in the order of their use in a new project; each is the module `flows.commands.NAME`, with _ for -."""


class Commands(click.Group):
    """Command group that imports the module of a command on first use."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BaseException as error:
            # Rust libraries raise an error of their own that names KeyboardInterrupt.
            if not isinstance(error, KeyboardInterrupt) and "KeyboardInterrupt" not in str(error):
                raise
            click.echo("interrupted", err=True)
            ctx.exit(INTERRUPTED)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"flows.commands.{cmd_name.replace('-', '_')}").command
        assert isinstance(command, click.Command)
        return command


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="\b\nA problem is a folder with a params.yaml. To start from a CSV, JSON lines or Parquet file:\n"
    "  mtl init customers.csv --tasks churned,spend -C customers\n"
    "  mtl profile -C customers\n"
    "  mtl retrain -C customers\n\n"
    "Run `mtl COMMAND --help` for the options of a command and an example.",
)
@click.version_option(package_name="trunkline", prog_name="mtl")
def cli() -> None:
    """Train one model for many tasks on tables and texts, retrain it safely, and serve it over HTTP."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `mtl`.

    An error of Trunkline or of the operating system is a message on stderr and an exit code; any other exception is a
    bug and ends with its traceback.
    """
    gc.set_threshold(200_000)  # start-up creates about as many lasting objects; collections cost a tenth of its time
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # the encoding of a log may lack a character of a name
    try:
        cli.main(args=arguments, prog_name="mtl", standalone_mode=True)
    except (TrunklineError, ServingError) as error:
        _end_with(error)
    except Exception as error:
        from flows.system_failure import system_failure

        if (failure := system_failure(error)) is None:
            raise
        _end_with(failure)


def _end_with(error: TrunklineError | ServingError) -> NoReturn:
    from flows.logs import VARIABLE, json_line

    if os.environ.get(VARIABLE) == "json":
        click.echo(json_line(str(error), level="ERROR"), err=True)
    else:
        click.secho("error: ", fg="red", bold=True, nl=False, err=True)
        click.echo(redact(str(error)), err=True)
    sys.exit(error.exit_code)
