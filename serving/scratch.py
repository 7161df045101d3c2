"""Scratch folder of a running service: BentoML's files, and the lifeline of its workers. Each service has one.

It is not in the store, which may be read-only or on a full disk, and may be served several times: BentoML empties its
folder of metrics when it starts. It is in memory where the system has such a folder: the metrics are mapped files, and
a write to a mapped file on a full disk ends the process.
"""

import atexit
import os
import shutil
import tempfile
import time
from pathlib import Path

from serving.lifeline import remove_dead_lifelines, start_lifeline

SCRATCH_VARIABLE = "TRUNKLINE_SCRATCH"
PREFIX = "trunkline-"
START_SECONDS = 600.0
"""A folder without a lifeline for that long is of a service that was killed before it had one."""
_MEMORY = Path("/dev/shm")  # of Linux


def create_scratch() -> Path:
    """Create a folder for `use_scratch`, and remove those of services that were killed."""
    parent = _MEMORY if os.access(_MEMORY, os.W_OK | os.X_OK) else Path(tempfile.gettempdir())
    for folder in parent.glob(f"{PREFIX}*"):
        if _is_stale(folder):
            shutil.rmtree(folder, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))


def use_scratch() -> None:
    """Make workers end with this process, and remove the folder that the variable names when it ends."""
    if folder := os.environ.get(SCRATCH_VARIABLE):
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        start_lifeline(Path(folder))


def _is_stale(folder: Path) -> bool:
    try:
        status = folder.stat()
        if status.st_uid != os.getuid():
            return False
        return remove_dead_lifelines(folder) or (
            not any(folder.glob("[0-9]*")) and time.time() - status.st_mtime > START_SECONDS
        )
    except FileNotFoundError:  # another service's start removes it
        return False
