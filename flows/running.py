"""Locks of a problem's folder, held while its artifacts change, and checks before a run starts."""

import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

from flows.environment import store_home
from flows.ingest.journal import roll_forward
from flows.layout import Layout
from mtl_core.errors import RunInProgress
from mtl_core.files import os_errors_with_path
from mtl_core.locks import Holder, exclusive_lock, released_lock
from serving.lifeline import end_with_parent, lifeline, remove_dead_lifelines, start_lifeline

MIN_FREE = 8 << 20
"""Bytes that must be free before a run starts, for a Prefect database, a report and the arrays of a small problem."""
FLOW_RUN = "PREFECT__FLOW_RUN_ID"
"""Set by Prefect in the process of a flow run that a worker started."""
WORKER_SECONDS = 0.5


@contextmanager
def exclusive_run(folder: Path, *, wait: bool = False) -> Iterator[None]:
    """Make this the only command that works on the folder's problem, and end every child with this process.

    Child processes that call `end_with_parent`, and nested calls, run under the lock of the one that started them.
    Leftovers of a killed run are removed first, and a change of data/ that was interrupted is finished.

    Args:
        wait: wait for another command to end, with a notice on stderr, instead of raising RunInProgress.
    """
    layout, started_by = Layout(folder), lifeline()

    def on_busy(holder: Holder | None) -> bool:
        if holder is not None and holder.key and holder.key == started_by:
            return True
        other = holder or "another command"
        if not wait:
            raise RunInProgress(
                f"{folder}: only one command may use a problem at a time, found {other}; run this command again "
                "after it has ended (`mtl retrain` and `mtl stage` wait for it with --wait)"
            )
        print(f"{folder}: waiting for {other} to end", file=sys.stderr, flush=True)
        return False

    with exclusive_lock(layout.run_lock, on_busy, key=start_lifeline(layout.lifelines)) as acquired:
        if acquired:
            with exclusive_stage(folder):
                _remove_leftovers(layout)
                roll_forward(folder)
        yield


@contextmanager
def released_run(folder: Path) -> Iterator[None]:
    """Let other commands work on the folder's problem during a block, after which this one is the only one again.

    Waits for another command to end, with a notice on stderr.
    """

    def on_busy(holder: Holder | None) -> None:
        print(f"{folder}: waiting for {holder or 'another command'} to end", file=sys.stderr, flush=True)

    with released_lock(Layout(folder).run_lock, on_busy):
        yield


@contextmanager
def exclusive_stage(folder: Path) -> Iterator[None]:
    """Make this the only stage of the problem; wait for one that a killed run left, which ends at once.

    Training's scratch folder belongs to the process that holds this lock.
    """

    def on_busy(holder: Holder | None) -> bool:
        print(f"{folder}: waiting for {holder or 'a stage'}, left by a killed run, to end", file=sys.stderr, flush=True)
        return False

    with exclusive_lock(Layout(folder).stage_lock, on_busy):
        yield


def end_with_worker() -> None:
    """End this process when the Prefect worker that started it has ended; no effect outside a worker's flow run.

    Prefect leaves flow runs running after a kill of their worker. The worker of `mtl up` has a lifeline; the worker of
    `prefect worker start` is the parent of this process.
    """
    end_with_parent()
    if lifeline() or FLOW_RUN not in os.environ:
        return
    threading.Thread(target=_end_after, args=(os.getppid(),), name="worker", daemon=True).start()


def _end_after(parent: int) -> None:
    # The kernel gives an orphan another parent at once; a wait for the process would miss that it is a zombie.
    while os.getppid() == parent:
        time.sleep(WORKER_SECONDS)
    os._exit(1)


def check_start(folder: Path) -> None:
    """Check before a run starts: ProblemError for params.yaml, OSError if the run could not write."""
    from mtl_core.config import load_problem

    load_problem(folder)
    _check_writable(folder)


def _check_writable(folder: Path) -> None:
    """Raise an OSError with its path where a run could not write: no permission, or less than MIN_FREE free.

    Writes MIN_FREE bytes, since a quota or a limit cannot be detected otherwise.
    """
    layout = Layout(folder)
    homes = (layout.state, layout.artifacts, Path(os.environ["PREFECT_HOME"]), store_home(folder))
    disks = set()
    for home in homes:
        home.mkdir(parents=True, exist_ok=True)
        disk = home.stat().st_dev
        with os_errors_with_path(home), TemporaryFile(dir=home) as probe:
            probe.write(b"" if disk in disks else bytes(MIN_FREE))
        disks.add(disk)


def _remove_leftovers(layout: Layout) -> None:
    """Remove files and folders under a temporary name, which no process uses while the locks are held."""
    remove_dead_lifelines(layout.lifelines)
    for folder in (layout.artifacts, layout.resume, layout.failures):
        for path in list(folder.rglob(".*.pending")):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
