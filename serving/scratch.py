"""The folder of a running service: what BentoML writes, and the lifeline of its workers. Each service has its own.

Not in the store, which may be read-only or on a full disk, and may be served several times: BentoML empties its folder
of metrics when it starts. In memory where there is such a place: the metrics are mapped files, and to write to those on
a full disk ends the process.
"""

from __future__ import annotations

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
"""A folder that has had no lifeline for that long is that of a service that was killed before it had one."""
MEMORY = Path("/dev/shm")  # of Linux


def make_scratch() -> Path:
    """A new folder for `own_scratch`; removes those of services that were killed."""
    parent = MEMORY if os.access(MEMORY, os.W_OK | os.X_OK) else Path(tempfile.gettempdir())
    for folder in parent.glob(f"{PREFIX}*"):
        if _is_left(folder):
            shutil.rmtree(folder, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))


def own_scratch() -> None:
    """From now on, workers end with this process, and the folder that the variable names is removed with it."""
    if folder := os.environ.get(SCRATCH_VARIABLE):
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        start_lifeline(Path(folder))


def _is_left(folder: Path) -> bool:
    try:
        status = folder.stat()
        if status.st_uid != os.getuid():
            return False
        return remove_dead_lifelines(folder) or (
            not any(folder.glob("[0-9]*")) and time.time() - status.st_mtime > START_SECONDS
        )
    except FileNotFoundError:  # another start removes it
        return False
