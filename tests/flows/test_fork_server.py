"""The fork server: a stage does in a fork what it does alone, and ends with whatever started it."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from flows.layout import Layout
from flows.pipeline.fork_server import VARIABLE, ForkServer, fork_server
from flows.pipeline.graph import GRAPH, has_plain_commands

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks are used on Linux only")


@pytest.fixture(scope="module")
def server(tools: None) -> Iterator[ForkServer]:
    with fork_server() as running:
        yield running


@pytest.fixture(scope="module")
def prepared(server: ForkServer, tiny_problem: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny problem before its training."""
    folder = tmp_path_factory.mktemp("forked") / "tiny"
    shutil.copytree(tiny_problem, folder, symlinks=True)
    assert [mtl(folder, "stage", stage, forked=True)[0] for stage in ("validate", "prepare")] == [0, 0]
    return folder


@pytest.fixture
def copied(prepared: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "tiny"
    shutil.copytree(prepared, folder, symlinks=True)
    return folder


def mtl(folder: Path, *arguments: str, forked: bool) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of `mtl` in the folder."""
    environment = {name: value for name, value in os.environ.items() if forked or name != VARIABLE}
    run = subprocess.run(["mtl", *arguments], cwd=folder, env=environment, capture_output=True, text=True)
    return run.returncode, run.stdout, run.stderr


@contextmanager
def training(folder: Path, server: ForkServer) -> Iterator[tuple[subprocess.Popen[bytes], psutil.Process]]:
    """A training without an end: the client, and its fork."""
    endless(folder)
    with subprocess.Popen(["mtl", "stage", "train"], cwd=folder, stderr=subprocess.DEVNULL) as client:
        try:
            yield client, fork_of(server, client)
        finally:
            client.kill()


def endless(folder: Path) -> None:
    params = folder / "params.yaml"
    params.write_text(params.read_text(encoding="utf-8").replace("epochs: 4", "epochs: 9999"), encoding="utf-8")


def fork_of(server: ForkServer, runs: "subprocess.Popen[Any]") -> psutil.Process:
    """The fork, once it is there."""
    while not (forks := psutil.Process(server.pid).children()):
        assert runs.poll() is None
        time.sleep(0.05)
    (fork,) = forks
    return fork


def test_a_stage_leaves_in_a_fork_what_it_leaves_alone(server: ForkServer, copied: Path) -> None:
    layout = Layout(copied)
    left = []
    for forked in (True, False):
        used = server.processor_seconds
        shutil.rmtree(layout.artifacts)
        for stage in ("validate", "prepare", "train", "export"):
            assert mtl(copied, "stage", stage, forked=forked)[0] == 0
        assert (server.processor_seconds > used) == forked
        layout.history.unlink()  # it has the seconds of every epoch
        left.append({path: path.read_bytes() for path in layout.artifacts.rglob("*") if path.is_file()})
    assert len(left[0]) > 10
    assert left[0] == left[1]


@pytest.mark.parametrize("arguments", [("stage", "train"), ("stage", "unknown"), ("stage",), ("stage", "--help")])
def test_what_a_command_says_and_its_exit_code_are_the_same(
    server: ForkServer, copied: Path, arguments: tuple[str, ...]
) -> None:
    Layout(copied).encoder.write_text("[1", encoding="utf-8")
    assert mtl(copied, *arguments, forked=True) == mtl(copied, *arguments, forked=False)


def test_a_stage_runs_by_itself_where_the_server_has_ended(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with fork_server():
        ended = os.environ[VARIABLE]
    assert VARIABLE not in os.environ
    monkeypatch.setenv(VARIABLE, ended)
    assert mtl(copied, "stage", "digests", forked=True) == (0, "", "")


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM])
def test_a_fork_ends_with_its_client_and_the_client_as_its_fork(
    server: ForkServer, copied: Path, sent: signal.Signals
) -> None:
    with training(copied, server) as (client, fork):
        client.send_signal(sent)
        _, alive = psutil.wait_procs([fork], timeout=20)
        assert not alive
    with training(copied, server) as (client, fork):
        fork.send_signal(sent)
        assert client.wait(timeout=20) == -sent


RUN = """
import subprocess, sys
from pathlib import Path
from flows.pipeline.fork_server import fork_server
from flows.running import exclusive_run
with exclusive_run(Path.cwd()), fork_server() as server:
    print(server.pid, flush=True)
    subprocess.run("mtl stage train; true", shell=True)
"""


def test_server_and_fork_end_with_the_run(copied: Path) -> None:
    endless(copied)
    with subprocess.Popen(
        [sys.executable, "-c", RUN], cwd=copied, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as run:
        assert run.stdout is not None
        server = ForkServer(int(run.stdout.readline()))
        fork = fork_of(server, run)
        family = psutil.Process(run.pid).children(recursive=True)
        assert {server.pid, fork.pid} < {process.pid for process in family}
        run.kill()
        _, alive = psutil.wait_procs(family, timeout=20)
    assert not alive
    assert mtl(copied, "stage", "digests", forked=False)[0] == 0  # nothing holds a lock


def test_a_command_that_is_not_plain_keeps_its_process(copied: Path) -> None:
    """As `nice mtl stage train` would lose its priority in a fork of another process."""
    assert has_plain_commands(copied)
    graph = copied / GRAPH
    graph.write_text(graph.read_text(encoding="utf-8").replace("cmd: mtl stage train", "cmd: nice mtl stage train"))
    assert not has_plain_commands(copied)
