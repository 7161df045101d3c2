"""The last failure of a stage, for the retrain flow.

DVC runs a stage in a process of its own and returns neither its message nor its exit code.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from flows.layout import Layout
from flows.system_failure import system_failure
from mtl_core.errors import TrunklineError
from mtl_core.files import os_errors_with_path, write_text


class StageFailed(TrunklineError):
    """Failure of a stage, with its own message and exit code."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@contextmanager
def record_failure(folder: Path, stage: str) -> Iterator[None]:
    """Store a TrunklineError that leaves the block; an error of the operating system is raised as a SystemFailure.

    An earlier failure of that stage is removed.
    """
    path = _path(folder, stage)
    try:
        with os_errors_with_path(folder):
            path.unlink(missing_ok=True)
            yield
    except Exception as error:
        failure = error if isinstance(error, TrunklineError) else system_failure(error)
        if failure is None:
            raise
        # A full disk must not hide the stage's own message.
        with suppress(OSError):
            write_text(path, json.dumps({"message": str(failure), "exit_code": failure.exit_code}))
        if failure is error:
            raise
        raise failure from error


def last_failure(folder: Path, stage: str) -> StageFailed | None:
    """The error of the stage's last run, if it ended with a TrunklineError."""
    try:
        failure = json.loads(_path(folder, stage).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return StageFailed(failure["message"], failure["exit_code"])


def _path(folder: Path, stage: str) -> Path:
    return Layout(folder).failures / f"{stage}.json"
