"""Child processes that end with the process that started them, also where that one is killed.

The parent holds a lock on a file, and the environment of its children names the file. A child waits for that lock in a
thread: it gets it when the kernel has ended the parent. This works across shells between the two, which close inherited
pipes, and on macOS, which cannot signal the death of a parent.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import secrets
import threading
from pathlib import Path

VARIABLE = "TRUNKLINE_LIFELINE"

_own: tuple[Path, int] | None = None
"""This process's file and its locked handle, which is only closed by the end of the process."""


def start_lifeline(folder: Path) -> str:
    """From now on, children of this process that call `end_with_parent` end with it; its file, which lies in `folder`.

    Call `end_with_parent` before: it looks for the parent's lifeline where this one is then named.
    """
    global _own
    if _own is None or not _own[0].exists():
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{os.getpid()}-{secrets.token_hex(4)}"
        new = path.with_name(f".{path.name}")
        handle = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        fcntl.flock(handle, fcntl.LOCK_EX)
        new.rename(path)  # only now, since what is not locked is removed as a leftover
        _own = path, handle
        os.environ[VARIABLE] = str(path)
        atexit.register(path.unlink, missing_ok=True)
    return str(_own[0])


def lifeline() -> str:
    """The file of this process's own lifeline or, before it starts one, of its parent's; "" without any."""
    return os.environ.get(VARIABLE, "")


def end_with_parent() -> None:
    """End this process, at once and without cleaning up, when the one that started it and has a lifeline is gone."""
    path = lifeline()
    if not path or (_own is not None and str(_own[0]) == path):
        return
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:  # it ended before this process came here
        os._exit(1)
    threading.Thread(target=_wait, args=(handle,), name="lifeline", daemon=True).start()


def remove_dead_lifelines(folder: Path) -> bool:
    """Remove the files of processes that were killed; True if there were any."""
    dead = False
    for path in folder.glob("[0-9]*"):
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)
            dead = True
        except BlockingIOError:
            pass  # its process lives
        finally:
            os.close(handle)
    return dead


def _wait(handle: int) -> None:
    fcntl.flock(handle, fcntl.LOCK_SH)
    os._exit(1)
