"""Locks of a problem's folder, the end of child processes with their parent, and removal of leftovers of a kill."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from flows.cli import main
from flows.layout import Layout
from flows.pipeline.graph import open_repository
from flows.running import exclusive_run
from mtl_core.errors import RunInProgress
from serving.lifeline import start_lifeline
from tests.flows.conftest import Whole

HOLD = """
import subprocess, sys
from pathlib import Path
from flows.running import exclusive_run
with exclusive_run(Path(sys.argv[1])):
    print("held", flush=True)
    for command in sys.argv[2:]:
        print(subprocess.run(["/bin/sh", "-c", command], stderr=subprocess.STDOUT).returncode, flush=True)
    sys.stdin.read()
"""


@contextmanager
def holding(folder: Path, *commands: str) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the problem's lock, and runs commands, until its stdin is closed."""
    environment = {name: value for name, value in os.environ.items() if name != "TRUNKLINE_LIFELINE"}
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder), *commands],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.fixture
def folder(tiny_problem: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "tiny"
    shutil.copytree(tiny_problem, folder, symlinks=True)
    return folder


def test_a_second_run_is_refused_with_the_name_of_the_first(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with holding(folder) as other:
        for command in (["retrain"], ["stage", "digests"], ["relate"]):
            assert run(*command, "-C", str(folder)) == RunInProgress.exit_code
            said = capfd.readouterr().err
            assert f"process {other.pid}, since 2" in said
            assert said.count("\n") == 1
        assert run("check", "-C", str(folder)) == 0
        assert run("models", "-C", str(folder)) == 0
    assert not Layout(folder).digests.exists()
    assert run("stage", "digests", "-C", str(folder)) == 0


def test_who_waits_runs_afterwards(folder: Path) -> None:
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


def test_a_child_of_the_run_is_not_refused(folder: Path) -> None:
    with holding(folder, f"mtl stage digests -C '{folder}'; exit $?") as other:
        out, _ = other.communicate()
    assert out == "0\n"


def test_a_nested_run_of_one_process_is_not_refused(folder: Path) -> None:
    with exclusive_run(folder), exclusive_run(folder):
        pass


def test_a_stage_ends_with_the_run_that_started_it(whole: Whole, tmp_path: Path) -> None:
    folder = tmp_path / "tiny"
    shutil.copytree(whole.folder, folder, symlinks=True)
    params = folder / "params.yaml"
    params.write_text(params.read_text(encoding="utf-8").replace("epochs: 4", "epochs: 9999"), encoding="utf-8")
    with holding(folder, f"mtl stage train -C '{folder}'; true") as other:  # the shell lives on, between the two
        while not list(Layout(folder).resume.glob("checkpoint.*")):
            assert other.poll() is None
            time.sleep(0.05)
        family = psutil.Process(other.pid).children(recursive=True)
        assert any("train" in process.cmdline() for process in family)
        other.send_signal(signal.SIGKILL)
        _, alive = psutil.wait_procs(family, timeout=20)
        assert not alive
    assert run("stage", "digests", "-C", str(folder)) == 0  # nothing holds a lock
    assert [path.name for path in Layout(folder).lifelines.iterdir() if not _is_mine(path)] == []


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


def test_a_start_removes_what_a_kill_left(folder: Path) -> None:
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


def test_another_dvc_command_is_a_run_too(folder: Path) -> None:
    from dvc.lock import LockError

    with pytest.raises(RunInProgress, match=r"DVC in .*busy"), open_repository(folder):
        raise LockError("busy")


def _is_mine(path: Path) -> bool:
    return path.name.startswith(f"{os.getpid()}-")
