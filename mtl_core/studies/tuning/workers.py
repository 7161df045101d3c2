"""Several processes on one study. They share Optuna's storage only: each samples, trains and stores its own trials."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.synchronize import Semaphore
from pathlib import Path

from mtl_core.config import Problem
from mtl_core.studies.tuning.record import Trial
from mtl_core.studies.tuning.search import Search
from mtl_core.studies.tuning.trials import TrialRunner

POLL = 0.5
"""Seconds between two reads of the storage for finished trials."""
WAIT = 10
"""Seconds within which a terminated worker ends."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """Inputs that a process needs to open a study."""

    problem: Problem
    encoded: Path
    folder: Path
    name: str

    def open(self) -> Search:
        """The study, in this process."""
        return Search(TrialRunner.open(self.problem, self.encoded, self.folder), self.name)


@dataclass(frozen=True, kw_only=True)
class LostWorker:
    """A worker that died; its unfinished trial is lost."""

    worker: int
    exit_code: int | None
    """Exit code of the process; minus the signal's number where a signal ended it."""

    def __str__(self) -> str:
        cause = f"exit code {self.exit_code}"
        if self.exit_code is not None and self.exit_code < 0:
            cause = signal.Signals(-self.exit_code).name
        return f"worker {self.worker} died ({cause}), and its trial is lost; the trials of the others are kept"


def run_trials(job: Job, search: Search, count: int, workers: int) -> Iterator[Trial | LostWorker]:
    """Run that many trials and yield each as it ends: in this process with one worker, else in child processes.

    One worker gives the same trials for the same seed, also after a kill. With several, what a trial samples depends on
    which others have ended; the training of a trial is the same everywhere.
    """
    if workers == 1:
        for _ in range(count):
            yield search.next_trial()
        return
    context = multiprocessing.get_context("spawn")  # a fork would copy torch's threads in an unknown state
    remaining = context.Semaphore(count)
    reported = {trial.number for trial in search.trials}
    processes = {}
    for worker in range(1, min(workers, count) + 1):
        process = context.Process(target=_work, args=(job, remaining), name=f"worker {worker}", daemon=True)
        process.start()
        processes[process.sentinel] = worker, process
    running = dict(processes)
    try:
        while running:
            ended = wait(list(running), POLL)
            for trial in search.trials:
                if trial.number not in reported:
                    reported.add(trial.number)
                    yield trial
            for sentinel in ended:
                assert isinstance(sentinel, int)
                worker, process = running.pop(sentinel)
                process.join()
                if process.exitcode:
                    yield LostWorker(worker=worker, exit_code=process.exitcode)
    finally:
        for _, process in processes.values():
            process.terminate()
            process.join(WAIT)


def _work(job: Job, remaining: Semaphore) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is handled by the parent process
    threading.Thread(target=_end_with_parent, daemon=True).start()
    search = job.open()
    while remaining.acquire(block=False):
        search.next_trial()


def _end_with_parent() -> None:
    """End this process when its parent has died: nobody would report its trial."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
