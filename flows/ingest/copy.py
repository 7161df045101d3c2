"""Copy of an arriving file to the staging folder, and checks that it is complete."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mtl_core.config.data import Data
from mtl_core.data.part_files import CSV_SUFFIXES, SUFFIXES, suffix
from mtl_core.errors import DataError

UNFINISHED = (".tmp", ".part", ".partial")
"""Suffixes of files that a program is still writing."""


def is_unfinished(path: Path) -> bool:
    """True for a hidden file and for a name that programs give to a file until it is complete."""
    return path.name.startswith(".") or suffix(path) in UNFINISHED


def check_name(path: Path, data: Data) -> None:
    """DataError if the file could not be a part under its name."""
    if is_unfinished(path):
        raise DataError(
            f"{path}: a part must not be hidden or end in {', '.join(UNFINISHED)}, which mark files that are still "
            f"written, found {path.name!r}; rename it once it is complete"
        )
    if data.format == "intent_slots":
        raise DataError(
            f"{path}: a part must be a single file, found data.format: intent_slots, whose parts are folders; copy the "
            "folder to data.path, then run `dvc add data`"
        )
    if data.format is None and suffix(path) not in SUFFIXES:
        raise DataError(f"{path}: must be one of {', '.join(SUFFIXES)}, found {path.name!r}; convert or rename it")


def stage(path: Path, staged: Path) -> None:
    """Copy the file to `staged`; DataError if it is none, is empty, or changes meanwhile."""
    if not path.is_file():
        found = "a folder" if path.is_dir() else "nothing there" if not path.exists() else "no regular file"
        raise DataError(f"{path}: must be a file, found {found}; correct the path")
    before = path.stat()
    if not before.st_size:
        raise DataError(f"{path}: must have rows, found a file of 0 bytes; write it again")
    staged.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, staged)
    after = path.stat()
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or staged.stat().st_size != (
        before.st_size
    ):
        raise DataError(
            f"{path}: must be complete, found that it changed while it was read ({before.st_size:,} bytes, then "
            f"{after.st_size:,}); try again once it is written, or write it under a temporary name and rename it"
        )


def check_last_line(path: Path, data: Data) -> None:
    """DataError for a CSV file whose last line has no end, since a cut in the last cell cannot be seen otherwise."""
    if data.format is not None or suffix(path) not in CSV_SUFFIXES:
        return
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - 4, 0))
        end = file.read().rstrip(b"\0")  # UTF-16 and UTF-32 have zero bytes in a line break
    if not end.endswith((b"\n", b"\r")):
        raise DataError(
            f"{path}: its last line must end with a line break, found none, so the file may be cut; write it again, or "
            "append a line break if it is complete"
        )


@contextmanager
def errors_about(path: Path, staged: Path) -> Iterator[None]:
    """Raise errors about the staged copy as errors about the file itself."""
    try:
        yield
    except DataError as error:
        raise type(error)(str(error).replace(str(staged), str(path))) from None
