"""Several processes on one study."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from mtl_core.config import parse_problem
from mtl_core.studies.tuning import Trial
from mtl_core.studies.tuning.workers import Job, Lost, run_trials
from tests.small import Small, document


def job(small: Small, folder: Path) -> Job:
    space: dict[str, Any] = {"training.learning_rate": {"low": 0.001, "high": 0.03, "log": True}}
    problem = parse_problem(document(epochs=2, batch_size=256) | {"tuning": {"space": space, "prune": False}})
    return Job(problem=problem, encoded=small.folder / "encoded", folder=folder, name="name")


def test_two_workers_share_a_study_and_a_dead_one_is_named(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kill one of two workers after the first trial that ends; the other one goes on."""
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    task = job(small, tmp_path)
    search = task.open()
    search.measure_declared()
    events: list[Trial | Lost] = []
    for event in run_trials(task, search, 4, workers=2):
        if not events:
            children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
            workers = [pid for pid in map(int, children) if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
            os.kill(workers[0], signal.SIGKILL)
        events.append(event)
    lost = [event for event in events if isinstance(event, Lost)]
    trials = [event for event in events if isinstance(event, Trial)]
    assert [str(one) for one in lost] == [
        f"worker {lost[0].worker} died (SIGKILL), and its trial is lost; the trials of the others are kept"
    ]
    assert 1 <= len(trials) <= 4
    assert {trial.number for trial in trials} <= {trial.number for trial in search.trials}
    search.recover()
    assert {trial.state for trial in search.trials} == {"complete"}
    missing = 5 - len(search.trials)
    assert len(list(run_trials(task, search, missing, workers=1))) == missing
    assert len(search.trials) == 5
    assert len({str(trial.changes) for trial in search.trials}) == 5


def test_an_exit_code_is_in_the_message() -> None:
    assert "died (exit code 1)" in str(Lost(worker=2, exit_code=1))
