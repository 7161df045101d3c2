"""Several processes on one study."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from mtl_core.config import parse_problem
from mtl_core.studies.tuning import Trial
from mtl_core.studies.tuning.workers import Job, LostWorker, run_trials
from tests.small import Small, document


def job_for(small: Small, folder: Path) -> Job:
    space: dict[str, Any] = {"training.learning_rate": {"low": 0.001, "high": 0.03, "log": True}}
    problem = parse_problem(document(epochs=2, batch_size=256) | {"tuning": {"space": space, "prune": False}})
    return Job(problem=problem, encoded=small.folder / "encoded", folder=folder, name="name")


def test_two_workers_share_a_study_and_the_other_survives_a_kill(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kill one of two workers after the first finished trial."""
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    job = job_for(small, tmp_path)
    search = job.open()
    search.run_declared()
    events: list[Trial | LostWorker] = []
    for event in run_trials(job, search, 4, workers=2):
        if not events:
            children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
            workers = [pid for pid in map(int, children) if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
            os.kill(workers[0], signal.SIGKILL)
        events.append(event)
    lost = [event for event in events if isinstance(event, LostWorker)]
    trials = [event for event in events if isinstance(event, Trial)]
    assert [worker.exit_code for worker in lost] == [-signal.SIGKILL]
    assert str(lost[0]).startswith(f"worker {lost[0].worker} died (SIGKILL)")
    assert 1 <= len(trials) <= 4
    assert {trial.number for trial in trials} <= {trial.number for trial in search.trials}
    search.recover()
    assert {trial.state for trial in search.trials} == {"complete"}
    missing = 5 - len(search.trials)
    assert len(list(run_trials(job, search, missing, workers=1))) == missing
    assert len(search.trials) == 5
    assert len({str(trial.changes) for trial in search.trials}) == 5


def test_an_exit_code_is_in_the_message() -> None:
    assert "died (exit code 1)" in str(LostWorker(worker=2, exit_code=1))
