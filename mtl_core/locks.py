"""Exclusive locks on files. The kernel releases a lock when its process ends or crashes, so no lock is ever stale."""

import fcntl
import json
import os
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from mtl_core.errors import RunInProgress
from mtl_core.files import os_errors_with_path

_held: dict[Path, tuple[int, str]] = {}
"""The locks that this process holds: path -> descriptor and key."""


@dataclass(frozen=True, kw_only=True)
class Holder:
    """The process that holds a lock, as stored in the lock file."""

    pid: int
    command: str
    since: str
    """ISO 8601 local time with its offset."""
    key: str = ""

    def __str__(self) -> str:
        return f"`{self.command}`, process {self.pid}, since {self.since}"


@contextmanager
def exclusive_lock(path: Path, on_busy: Callable[[Holder | None], bool], *, key: str = "") -> Iterator[bool]:
    """Hold the lock on the file, which is created if needed and never removed; True if this block acquired it.

    Args:
        on_busy: called where the lock is held already, with the holder (None while it changes). It raises to refuse,
            returns False to wait for the lock, and True to run under the lock of the holder.
        key: identifies the holder to its child processes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if on_busy(_read(path)):
                yield False
                return
            fcntl.flock(handle, fcntl.LOCK_EX)
        with os_errors_with_path(path):
            _write(handle, key)
        _held[path] = handle, key
        try:
            yield True
        finally:
            if _held.pop(path, None):
                os.ftruncate(handle, 0)
    finally:
        os.close(handle)


@contextmanager
def released_lock(path: Path, on_busy: Callable[[Holder | None], object]) -> Iterator[None]:
    """Release the lock on the file for a block, if this process holds it, and acquire it again after the block.

    After an exception the lock stays released.

    Args:
        on_busy: called with the holder before waiting for another process that holds the lock after the block.
    """
    if (held := _held.pop(path, None)) is None:
        yield
        return
    handle, key = held
    os.ftruncate(handle, 0)
    fcntl.flock(handle, fcntl.LOCK_UN)
    yield
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        on_busy(_read(path))
        fcntl.flock(handle, fcntl.LOCK_EX)
    _write(handle, key)
    _held[path] = held


@contextmanager
def exclusive_command(path: Path, command: str, *, fix: str = "run this one when that has ended") -> Iterator[None]:
    """Hold the lock on the file for a command; RunInProgress with the holder where another process has it."""

    def refuse(holder: Holder | None) -> bool:
        raise RunInProgress(
            f"{path.parent}: only one `{command}` may work there at a time, found {holder or 'another'}; {fix}"
        )

    with exclusive_lock(path, refuse):
        yield


def _write(handle: int, key: str) -> None:
    command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
    since = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
    holder = Holder(pid=os.getpid(), command=command, since=since, key=key)
    os.ftruncate(handle, 0)
    os.pwrite(handle, json.dumps(asdict(holder)).encode(), 0)


def _read(path: Path) -> Holder | None:
    """The holder; None before it has written the file, and while it releases the lock."""
    try:
        return Holder(**json.loads(path.read_bytes()))
    except (ValueError, TypeError):
        return None
