"""What the commands have in common: the folder they act on, and output for machines."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from flows.environment import prepare_environment

__all__ = ["example", "in_folder", "json_output", "stdout_to_stderr"]

Function = TypeVar("Function", bound=Callable[..., Any])


def in_folder(function: Function) -> Function:
    """Adds `-C FOLDER`; the command gets it as `folder`, absolute, with the tools' environment prepared for it."""
    return click.option(
        "-C",
        "--folder",
        metavar="FOLDER",
        type=click.Path(exists=True, file_okay=False, resolve_path=True, path_type=Path),
        default=".",
        callback=_prepare,
        help="The problem's folder; the current one where none is given.",
    )(function)


def json_output(function: Function) -> Function:
    """Adds `--json`; the command gets it as `as_json`, and then prints one JSON document and nothing else."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document, for machines.")(function)


@contextmanager
def stdout_to_stderr() -> Iterator[None]:
    """Also for child processes: what the stages print must not stand between a machine and its document."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


def example(*lines: str) -> str:
    """A command's epilog that shows how it is used."""
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in lines)


def _prepare(_context: click.Context, _parameter: click.Parameter, folder: Path) -> Path:
    prepare_environment(folder)
    return folder
