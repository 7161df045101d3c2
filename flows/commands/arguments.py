"""Common arguments of the commands: the folder, and JSON output."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from flows.environment import prepare_environment

Function = TypeVar("Function", bound=Callable[..., Any])


def in_folder(function: Function) -> Function:
    """Add `-C FOLDER`; the command gets `folder`, an absolute path, and the tools' environment is prepared for it."""
    return click.option(
        "-C",
        "--folder",
        metavar="FOLDER",
        type=click.Path(exists=True, file_okay=False, resolve_path=True, path_type=Path),
        default=".",
        callback=_prepare,
        help="Problem folder. Default: the current directory.",
    )(function)


def json_output(function: Function) -> Function:
    """Add `--json`; if the command gets `as_json`, it prints one JSON document and nothing else."""
    return click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON document.")(function)


def wait_option(function: Function) -> Function:
    """Add `--wait`; the command gets `wait`."""
    help_text = "If another command is using the problem, wait for it instead of exiting with code 9."
    return click.option("--wait", is_flag=True, help=help_text)(function)


@contextmanager
def reserve_stdout(as_json: bool) -> Iterator[None]:
    """With `--json`, redirect stdout to stderr, also for child processes: stdout has only the JSON document."""
    if not as_json:
        yield
        return
    sys.stdout.flush()
    stdout = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(stdout, 1)
        os.close(stdout)


def example(*lines: str) -> str:
    """Epilog of a command, with an example of its use."""
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in lines)


def _prepare(_context: click.Context, _parameter: click.Parameter, folder: Path) -> Path:
    prepare_environment(folder)
    return folder
