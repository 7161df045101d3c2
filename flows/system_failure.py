"""Errors of the operating system, as one line of ours: path, cause and fix."""

import errno
import getpass
import os
import re
import shutil
import traceback
from collections.abc import Iterator
from pathlib import Path

from mtl_core.errors import SystemFailure

__all__ = ["system_failure"]

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS}
OPEN_FILES = {errno.EMFILE, errno.ENFILE}

_IN_WORDS = (
    (re.compile(r"\(os error (\d+)\)"), None),  # safetensors, whose errors come from Rust
    (re.compile(r"No space left on device|disk is full|\d+ requested and \d+ written"), errno.ENOSPC),  # SQLite, NumPy
)
"""Causes that libraries give in the text of an error of their own; where there is no number in it, the errno."""


def system_failure(error: BaseException) -> SystemFailure | None:
    """The error in words of ours; None if it is none of the operating system's, but a bug.

    An OSError always is; an error of a library is if it was caused by a full disk, a missing permission or a limit of
    open files, or says so.
    """
    for cause in _causes(error):
        code = _code(cause)
        if code in FULL | REFUSED | OPEN_FILES:
            return SystemFailure(_words(code, _path(error)))
    if isinstance(error, OSError):
        where = traceback.extract_tb(error.__traceback__)
        line = f" (at {where[-1].filename}:{where[-1].lineno})" if where else ""
        path = f"{_path(error)}: " if error.filename is not None else ""
        return SystemFailure(f"{path}the operating system refused: {error.strerror or error}{line}")
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in seen:
        seen.append(current)
        yield current
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)


def _code(error: BaseException) -> int | None:
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    for pattern, code in _IN_WORDS:
        if match := pattern.search(str(error)):
            return code or int(match[1])
    return None


def _path(error: BaseException) -> str:
    """The path in the error or its causes, else the working directory."""
    names = (cause.filename for cause in _causes(error) if isinstance(cause, OSError))
    return next((os.fsdecode(name) for name in names if isinstance(name, str | bytes)), str(Path.cwd()))


def _words(code: int, path: str) -> str:
    if code in FULL:
        limit = "the file would be larger than its limit allows" if code == errno.EFBIG else f"found {_free(path)}"
        return (
            f"{path}: must be written, {limit}: the disk is full, or a quota is used up; free space there, "
            "then run the same command again"
        )
    if code in REFUSED:
        reason = "a file system that is read-only" if code == errno.EROFS else "no permission"
        return (
            f"{path}: must be readable and writable for user {_user()}, found {reason}; change its owner, its mode or "
            "its mount, or use a copy of the folder, then run the same command again"
        )
    return f"{path}: cannot be opened, too many files are open; raise the limit, as in `ulimit -n 4096`, and try again"


def _free(path: str) -> str:
    """Free bytes of the disk of the path, which need not exist."""
    for place in (Path(path), *Path(path).absolute().parents):
        try:
            return f"{shutil.disk_usage(place).free / 1e6:.1f} MB free"
        except OSError:
            continue
    return "no space"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return str(os.getuid())
