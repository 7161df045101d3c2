"""Child processes that end with the process that started them, also where that one is killed.

The parent holds a lock on a file, and the environment of its children names the file. A child waits for that lock in a
thread: it gets it when the kernel has ended the parent. This works across shells between the two, which close inherited
pipes, and on macOS, which cannot signal the death of a parent.
"""

import atexit
import fcntl
import os
import secrets
import threading
from pathlib import Path

VARIABLE = "TRUNKLINE_LIFELINE"

_lifeline: tuple[Path, int] | None = None
"""This process's file and its locked handle, which only the end of the process closes."""


def start_lifeline(folder: Path) -> str:
    """Make children of this process that call `end_with_parent` end with it; returns its file in `folder`.

    Call `end_with_parent` before: afterwards the environment names this process's lifeline, not the parent's.
    """
    global _lifeline
    if _lifeline is None or not _lifeline[0].exists():
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{os.getpid()}-{secrets.token_hex(4)}"
        temporary = path.with_name(f".{path.name}")
        handle = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        fcntl.flock(handle, fcntl.LOCK_EX)
        temporary.rename(path)  # after the lock: an unlocked file is removed as a leftover
        _lifeline = path, handle
        os.environ[VARIABLE] = str(path)
        atexit.register(path.unlink, missing_ok=True)
        os.register_at_fork(after_in_child=_forget)
    return str(_lifeline[0])


def lifeline() -> str:
    """The file of this process's lifeline or, before it starts one, of its parent's; "" without any."""
    return os.environ.get(VARIABLE, "")


def end_with_parent() -> None:
    """End this process, at once and without cleaning up, when its parent with a lifeline has ended."""
    path = lifeline()
    if not path or (_lifeline is not None and str(_lifeline[0]) == path):
        return
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:  # the parent has already ended
        os._exit(1)
    threading.Thread(target=_wait, args=(handle,), name="lifeline", daemon=True).start()


def remove_dead_lifelines(folder: Path) -> bool:
    """Remove the files of processes that were killed; True if there were any."""
    any_removed = False
    for path in folder.glob("[0-9]*"):
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)
            any_removed = True
        except BlockingIOError:
            pass  # its process lives
        finally:
            os.close(handle)
    return any_removed


def _forget() -> None:
    """Close a forked child's copy of the lock, which would keep it after the end of this process."""
    global _lifeline
    if _lifeline is not None:
        os.close(_lifeline[1])
        _lifeline = None


def _wait(handle: int) -> None:
    fcntl.flock(handle, fcntl.LOCK_SH)
    os._exit(1)
