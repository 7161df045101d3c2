"""Files and folders that a crash cannot leave half-written: a temporary name, then a rename."""

import errno
import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mtl_core.errors import DataError, TrunklineError

_RUST = re.compile(r"\(os error (\d+)\)")
"""Error number in an error of safetensors."""
_FULL = re.compile(r"No space left on device|disk is full|\d+ requested and \d+ written")
"""Message of a full disk in an error of SQLite or of NumPy's tofile."""


@contextmanager
def os_errors_with_path(path: Path) -> Iterator[None]:
    """Raise errors of the operating system in the block as OSErrors with an errno and a path.

    A failed write does not name its file, and libraries raise other types of errors. An OSError that has a path keeps
    it.
    """
    try:
        yield
    except TrunklineError:
        raise
    except Exception as error:
        if (code := errno_of(error)) is None:
            raise
        if isinstance(error, OSError):
            error.errno, error.filename = code, error.filename or str(path)
            raise
        raise OSError(code, os.strerror(code), str(path)) from error


@contextmanager
def damage_as_data_error(path: Path) -> Iterator[None]:
    """Raise errors of reading a damaged artifact in the block as a DataError with its path and the fix.

    Errors of the operating system, such as a missing file, are not changed.
    """
    try:
        yield
    except TrunklineError:
        raise
    except Exception as error:
        if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno):
            raise
        lines = [line.strip() for line in str(error).splitlines()[:2]]
        raise DataError(
            f"{path}: must be as its stage wrote it, found damage ({type(error).__name__}: {' '.join(lines)}); "
            "`mtl retrain` writes it again"
        ) from error


def errno_of(error: BaseException) -> int | None:
    """The errno of an error, from its attribute or its text; None if there is none."""
    if isinstance(error, OSError) and error.errno:
        return error.errno
    if match := _RUST.search(str(error)):
        return int(match[1])
    return errno.ENOSPC if _FULL.search(str(error)) else None


def preallocate(path: Path) -> None:
    """Allocate the blocks of a sparse file, since a write to mapped memory on a full disk raises SIGBUS, no OSError."""
    if sys.platform == "linux":
        with os_errors_with_path(path), path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)


@contextmanager
def pending(path: Path) -> Iterator[Path]:
    """A temporary path to write to, which is renamed to `path` at the end of a block without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.pending")
    try:
        with os_errors_with_path(path):
            yield temporary
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def pending_folder(path: Path) -> Iterator[Path]:
    """A new folder under a temporary name, which replaces `path` at the end of a block without an error."""
    temporary = path.with_name(f".{path.name}.pending")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        shutil.rmtree(path, ignore_errors=True)
        temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Replace the file's content in one step."""
    with pending(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Replace the file's content in one step, as UTF-8."""
    write_bytes(path, content.encode())
