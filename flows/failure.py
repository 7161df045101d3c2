"""What a failed stage said, kept for the flow: DVC stands between the two, and passes on neither message nor code."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from flows.layout import Layout
from mtl_core.errors import TrunklineError
from mtl_core.files import write_text

__all__ = ["StageFailed", "keep_failure", "kept_failure"]


class StageFailed(TrunklineError):
    """A stage's own failure: its message, its exit code."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@contextmanager
def keep_failure(folder: Path, stage: str) -> Iterator[None]:
    """Writes down an error of ours that leaves the block; whatever was kept for that stage before is gone."""
    path = _path(folder, stage)
    path.unlink(missing_ok=True)
    try:
        yield
    except TrunklineError as error:
        # A full disk must not hide the stage's own message.
        with suppress(OSError):
            write_text(path, json.dumps({"message": str(error), "exit_code": error.exit_code}))
        raise


def kept_failure(folder: Path, stage: str) -> StageFailed | None:
    """What the stage's last run said, if it failed with an error of ours."""
    try:
        kept = json.loads(_path(folder, stage).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return StageFailed(kept["message"], kept["exit_code"])


def _path(folder: Path, stage: str) -> Path:
    return Layout(folder).state / "failures" / f"{stage}.json"
