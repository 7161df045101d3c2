"""Several processes that work on one study: each trains a trial when it is told to, and says what came of it."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

from mtl_core.config import Problem
from mtl_core.studies.tuning.record import Trial
from mtl_core.studies.tuning.search import Search
from mtl_core.studies.tuning.trials import TrialRunner

__all__ = ["Job", "Lost", "run_trials"]

WAIT = 10
"""Seconds in which a worker that was told to end does so."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a process needs to open a study."""

    problem: Problem
    encoded: Path
    folder: Path
    name: str

    def open(self) -> Search:
        """The study, in this process."""
        return Search(TrialRunner.open(self.problem, self.encoded, self.folder), self.name)


@dataclass(frozen=True, kw_only=True)
class Lost:
    """A worker that died; the trial that it was at is lost."""

    worker: int
    exit_code: int | None
    """Of the process; minus the signal's number where a signal ended it."""

    def __str__(self) -> str:
        how = f"exit code {self.exit_code}"
        if self.exit_code is not None and self.exit_code < 0:
            how = signal.Signals(-self.exit_code).name
        return f"worker {self.worker} died ({how}) with the trial that it was at; what the others found is kept"


def run_trials(job: Job, search: Search, count: int, workers: int) -> Iterator[Trial | Lost]:
    """So many trials, each as it ends: in this process with one worker, else in processes of their own."""
    if workers == 1:
        for _ in range(count):
            yield search.next_trial()
        return
    context = multiprocessing.get_context("spawn")  # a fork would take torch's threads along in an unknown state
    crew: dict[Connection, tuple[int, SpawnProcess]] = {}
    try:
        for number in range(1, min(workers, count) + 1):
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(job, theirs), name=f"worker {number}", daemon=True)
            process.start()
            theirs.close()  # so that its end is seen here
            crew[ours] = (number, process)
        yield from _dealt(crew, count)
    finally:
        _dismiss(crew)


def _dealt(crew: dict[Connection, tuple[int, SpawnProcess]], count: int) -> Iterator[Trial | Lost]:
    """Hands out the trials one by one, until all are done or all workers dead."""
    at_work = dict(crew)
    left = count - len(at_work)
    for connection in at_work:
        connection.send(None)
    while at_work:
        ready = wait(list(at_work))
        for connection in [connection for connection in at_work if connection in ready]:
            try:
                trial: Trial = connection.recv()
            except (EOFError, ConnectionResetError):
                number, process = at_work.pop(connection)
                process.join(WAIT)
                yield Lost(worker=number, exit_code=process.exitcode)
                continue
            if left > 0:
                left -= 1
                connection.send(None)
            else:
                del at_work[connection]
            yield trial


def _dismiss(crew: dict[Connection, tuple[int, SpawnProcess]]) -> None:
    for connection in crew:
        connection.close()  # an idle worker ends by itself
    for _, process in crew.values():
        process.join(0.5)
        if process.is_alive():
            process.terminate()
            process.join(WAIT)


def _work(job: Job, connection: Connection) -> None:
    """A worker's whole life."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started it
    threading.Thread(target=_end_with_parent, daemon=True).start()
    search = job.open()
    while True:
        try:
            connection.recv()
            connection.send(search.next_trial())
        except (EOFError, BrokenPipeError):  # nobody waits for more
            return


def _end_with_parent() -> None:
    """A trial that nobody waits for is not worth its end."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
