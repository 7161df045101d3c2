"""Locks of a problem's folder, the end of child processes with their parent, and removal of leftovers of a kill."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from flows.layout import Layout
from flows.pipeline.graph import open_repository
from flows.running import exclusive_run
from mtl_core.errors import RunInProgress
from serving.lifeline import start_lifeline
from tests.flows.conftest import copy_of, mtl, replace_text

HOLDER = """
import subprocess, sys
from pathlib import Path
from flows.running import exclusive_run
with exclusive_run(Path(sys.argv[1])):
    print("locked", flush=True)
    for command in sys.argv[2:]:
        print(subprocess.run(["/bin/sh", "-c", command], stderr=subprocess.STDOUT).returncode, flush=True)
    sys.stdin.read()
"""


@contextmanager
def holding(folder: Path, *commands: str) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the problem's lock, and runs commands, until its stdin is closed."""
    environment = {name: value for name, value in os.environ.items() if name != "TRUNKLINE_LIFELINE"}
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder), *commands],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def folder(tiny_problem: Path, tmp_path: Path) -> Path:
    return copy_of(tiny_problem, tmp_path)


def test_a_second_run_is_refused_with_the_process_of_the_first(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with holding(folder) as other:
        for command in (["retrain"], ["stage", "digests"], ["relate"]):
            assert mtl(folder, *command) == RunInProgress.exit_code
            printed = capfd.readouterr().err
            assert f"process {other.pid}, since 2" in printed
            assert printed.count("\n") == 1
        assert mtl(folder, "check") == 0
        assert mtl(folder, "models") == 0
    assert not Layout(folder).digests.exists()
    assert mtl(folder, "stage", "digests") == 0


def test_a_run_with_wait_starts_when_the_first_has_ended(folder: Path) -> None:
    with (
        holding(folder) as other,
        subprocess.Popen(
            ["mtl", "stage", "digests", "--wait", "-C", str(folder)], stderr=subprocess.PIPE, text=True
        ) as second,
    ):
        assert second.stderr is not None
        assert f"process {other.pid}" in second.stderr.readline()
        assert not Layout(folder).digests.exists()
        other.communicate()
        assert second.wait() == 0
    assert Layout(folder).digests.exists()


def test_a_child_process_of_the_run_is_not_refused(folder: Path) -> None:
    with holding(folder, f"mtl stage digests -C '{folder}'; exit $?") as other:
        out, _ = other.communicate()
    assert out == "0\n"


def test_a_nested_run_in_the_same_process_is_not_refused(folder: Path) -> None:
    with exclusive_run(folder), exclusive_run(folder):
        pass


def test_a_stage_ends_with_the_run_that_started_it(copied: Path) -> None:
    replace_text(copied, "epochs: 4", "epochs: 9999")
    with holding(copied, f"mtl stage train -C '{copied}'; true") as other:  # a shell is the parent of the stage
        while not list(Layout(copied).resume.glob("checkpoint.*")):
            assert other.poll() is None
            time.sleep(0.05)
        family = psutil.Process(other.pid).children(recursive=True)
        assert any("train" in process.cmdline() for process in family)
        other.send_signal(signal.SIGKILL)
        _, alive = psutil.wait_procs(family, timeout=20)
        assert not alive
    assert mtl(copied, "stage", "digests") == 0  # no process holds a lock
    this_process = f"{os.getpid()}-"
    assert all(path.name.startswith(this_process) for path in Layout(copied).lifelines.iterdir())


WORKER = """
import subprocess, sys
flow_run = "import time, flows.running as r; r.end_with_worker(); print(1, flush=True); time.sleep(600)"
child = subprocess.Popen([sys.executable, "-c", flow_run])
print(child.pid, flush=True)
child.wait()
"""


def test_a_flow_run_ends_with_its_worker(tools: None) -> None:
    """As of `prefect worker start`, which has no lifeline."""
    environment = {name: value for name, value in os.environ.items() if name != "TRUNKLINE_LIFELINE"}
    environment["PREFECT__FLOW_RUN_ID"] = "00000000-0000-0000-0000-000000000000"
    with subprocess.Popen([sys.executable, "-c", WORKER], stdout=subprocess.PIPE, text=True, env=environment) as worker:
        assert worker.stdout is not None
        flow_run = psutil.Process(int(worker.stdout.readline()))
        assert worker.stdout.readline() == "1\n"
        assert flow_run.is_running()
        worker.kill()
        flow_run.wait(60)


SERVER = """
import sys
from pathlib import Path
from serving.lifeline import start_lifeline
from flows.retrain import server
start_lifeline(Path(sys.argv[1]))
print(server._start(Path(sys.argv[1]) / "log")[1].pid, flush=True)
sys.stdin.read()
"""


def test_the_temporary_server_ends_with_the_process_that_started_it(tmp_path: Path, tools: None) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        server = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
        _, alive = psutil.wait_procs([server], timeout=20)
    assert not alive


def test_leftovers_of_a_kill_are_removed_at_the_start(folder: Path) -> None:
    layout = Layout(folder)
    live, dead = Path(start_lifeline(layout.lifelines)), layout.lifelines / "1-0"
    leftovers = [dead, layout.artifacts / ".file.1.pending", layout.resume / ".file.1.pending"]
    for path in leftovers:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (layout.artifacts / ".encoded.pending" / "spill").mkdir(parents=True)
    with exclusive_run(folder):
        assert list(layout.artifacts.iterdir()) == []
        assert not any(path.exists() for path in leftovers)
        assert live.exists()


def test_a_lock_of_another_dvc_command_is_a_run_in_progress(folder: Path) -> None:
    from dvc.lock import LockError

    with pytest.raises(RunInProgress, match=r"DVC in .*busy"), open_repository(folder):
        raise LockError("busy")
