"""Errors of the operating system as a SystemFailure: one line with path, cause and fix."""

import errno
import getpass
import os
import shutil
import traceback
from collections.abc import Iterator
from pathlib import Path

from mtl_core.errors import SystemFailure
from mtl_core.files import errno_of

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS}
OPEN_FILES = {errno.EMFILE, errno.ENFILE}


def system_failure(error: BaseException, path: Path | None = None) -> SystemFailure | None:
    """The error as a SystemFailure; None for a bug, which is not the operating system's.

    Every OSError is one; an error of a library is one if its cause or its message is a full disk, a missing permission
    or the limit of open files.

    Args:
        path: the path to name if the error has none; default: the working directory.
    """
    for cause in _causes(error):
        code = errno_of(cause)
        if code is not None and code in FULL | REFUSED | OPEN_FILES:
            return SystemFailure(_message(code, _path(error) or str(path or _working_directory() or ".")))
    if isinstance(error, FileNotFoundError) and not _path(error) and not _working_directory():
        return SystemFailure(
            "the working directory: must exist, found it removed; change to another folder, then run the same command "
            "again, with -C FOLDER for the problem's folder"
        )
    if isinstance(error, OSError):
        frames = traceback.extract_tb(error.__traceback__)
        line = f" (at {frames[-1].filename}:{frames[-1].lineno})" if frames else ""
        subject = f"{name}: the operating system" if (name := _path(error)) else "the operating system"
        return SystemFailure(f"{subject} refused: {error.strerror or error}{line}")
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in seen:
        seen.append(current)
        yield current
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)


def _path(error: BaseException) -> str:
    """The path in the error or its causes; "" without one."""
    names = (cause.filename for cause in _causes(error) if isinstance(cause, OSError))
    return next((os.fsdecode(name) for name in names if isinstance(name, str | bytes)), "")


def _working_directory() -> Path | None:
    try:
        return Path.cwd()
    except FileNotFoundError:
        return None


def _message(code: int, path: str) -> str:
    if code in FULL:
        cause = "the file size limit is reached" if code == errno.EFBIG else "the disk is full or the quota is used up"
        return (
            f"{path}: cannot be written, {_free(path)} on its disk: {cause}; free space there, "
            "then run the command again"
        )
    if code in REFUSED:
        reason = "a read-only file system" if code == errno.EROFS else "no permission"
        return (
            f"{path}: must be readable and writable for user {_user()}, found {reason}; change its owner, mode or "
            "mount, or use a copy of the folder, then run the command again"
        )
    return f"{path}: cannot be opened, too many files are open; raise the limit, e.g. `ulimit -n 4096`, and try again"


def _free(path: str) -> str:
    """Free bytes of the disk of the path, which need not exist."""
    for existing in (Path(path), *Path(path).absolute().parents):
        try:
            return f"{shutil.disk_usage(existing).free / 1e6:.1f} MB free"
        except OSError:
            continue
    return "none free"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return str(os.getuid())
