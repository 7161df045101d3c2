"""The last failure of a stage, for the flow: DVC runs a stage in a process of its own and passes on neither its message
nor its exit code.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from flows.layout import Layout
from mtl_core.errors import TrunklineError
from mtl_core.files import write_text

__all__ = ["StageFailed", "keep_failure", "last_failure"]


class StageFailed(TrunklineError):
    """Failure of a stage, with its own message and exit code."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@contextmanager
def keep_failure(folder: Path, stage: str) -> Iterator[None]:
    """Write down a TrunklineError that leaves the block; an earlier failure of that stage is removed."""
    path = _path(folder, stage)
    path.unlink(missing_ok=True)
    try:
        yield
    except TrunklineError as error:
        # A full disk must not hide the stage's own message.
        with suppress(OSError):
            write_text(path, json.dumps({"message": str(error), "exit_code": error.exit_code}))
        raise


def last_failure(folder: Path, stage: str) -> StageFailed | None:
    """The error of the stage's last run, if it ended with a TrunklineError."""
    try:
        failure = json.loads(_path(folder, stage).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return StageFailed(failure["message"], failure["exit_code"])


def _path(folder: Path, stage: str) -> Path:
    return Layout(folder).state / "failures" / f"{stage}.json"
