"""The service as a process: start, predictions, replacement of the champion under load, stop."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from serving import process
from serving.champion import set_champion
from serving.errors import NoChampionError, ProcessError
from serving.scratch import create_scratch
from serving.store import Store
from tests.serving.example_models import ROW, Export, promote, save


def child_processes() -> set[psutil.Process]:
    """All processes below this one; other tests may have servers there."""
    return set(psutil.Process().children(recursive=True))


def test_a_promotion_under_load_drops_no_request_and_no_process_is_left(export: Export, store: Store) -> None:
    first = promote(store, export())
    responses: list[list[tuple[int, str, float]]] = [[], [], [], []]
    stop = threading.Event()

    def send_requests(url: str, received: list[tuple[int, str, float]]) -> None:
        with httpx.Client(base_url=url, trust_env=False) as client:
            while not stop.is_set():
                response = client.post("/predict", json=[ROW])
                content = response.json()
                received.append((response.status_code, content["model"], content["predictions"][0]["arr_delay"]))

    before = child_processes()
    with process.running_service(store.home, "flights") as url:
        children = child_processes() - before
        assert len(children) >= 2  # the arbiter and its worker
        threads = [threading.Thread(target=send_requests, args=(url, received)) for received in responses]
        for thread in threads:
            thread.start()
        try:
            time.sleep(0.3)
            second = promote(store, export(bias=100.0))
            metrics = httpx.get(f"{url}/metrics", trust_env=False)
            assert 'request_total{endpoint="/predict"' in metrics.text
            deadline = time.monotonic() + 20
            while not all(received and received[-1][1] == second for received in responses):
                assert time.monotonic() < deadline, "the new champion was not loaded"
                time.sleep(0.05)
        finally:
            stop.set()
            for thread in threads:
                thread.join()

    expected = {first: 2.5, second: 102.5}
    for received in responses:
        assert {status for status, _, _ in received} == {200}
        tags = [tag for _, tag, _ in received]
        assert tags == sorted(tags, key=[first, second].index)
        assert all(delay == expected[tag] for _, tag, delay in received)
    assert not any(child.is_running() for child in children)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/readyz", trust_env=False)


def test_a_damaged_champion_is_served_after_its_repair(export: Export, store: Store) -> None:
    first = promote(store, export())
    second = save(store, export(bias=100.0))
    graph = store.path(second) / "model.onnx"
    content = graph.read_bytes()

    def wait_for(url: str, model: str, refused: str | None) -> None:
        deadline = time.monotonic() + 20
        while True:
            ready = httpx.get(f"{url}/readyz", trust_env=False).json()
            if (ready["model"], ready["load_failure"] and ready["load_failure"]["champion"]) == (model, refused):
                return
            assert time.monotonic() < deadline, ready
            time.sleep(0.05)

    with process.running_service(store.home, "flights") as url:
        wait_for(url, first, None)
        graph.write_bytes(b"damaged")
        set_champion(store.home, "flights", second)
        wait_for(url, first, second)
        graph.write_bytes(content)
        wait_for(url, second, None)
        response = httpx.post(f"{url}/predict", json=[ROW], trust_env=False).json()
    assert response["predictions"][0]["arr_delay"] == 102.5


def test_the_service_stops_when_the_caller_raises(export: Export, store: Store) -> None:
    promote(store, export())
    before, children = child_processes(), set[psutil.Process]()

    def fail() -> None:
        with process.running_service(store.home, "flights"):
            children.update(child_processes() - before)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert len(children) >= 2
    assert not any(child.is_running() for child in children)


DEMO = """
import sys
from pathlib import Path
from typing import Any
from serving.lifeline import start_lifeline
from serving.process import running_service
start_lifeline(Path(sys.argv[1]))
with running_service(Path(sys.argv[2]), "flights"):
    print("ready", flush=True)
    sys.stdin.read()
"""


def test_the_service_ends_with_a_killed_caller_and_the_next_start_removes_its_folder(
    export: Export, store: Store, tmp_path: Path
) -> None:
    promote(store, export())
    stored = set(store.home.rglob("*"))
    with subprocess.Popen(
        [sys.executable, "-c", DEMO, str(tmp_path), str(store.home)],
        env={**os.environ, "PYTHONPATH": str(Path(process.__file__).parents[1])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as caller:
        assert caller.stdout is not None
        assert caller.stdout.readline() == b"ready\n"
        arbiter, worker = psutil.Process(caller.pid).children(recursive=True)
        scratch = Path(arbiter.environ()["BENTOML_HOME"])
        caller.kill()
        _, alive = psutil.wait_procs([arbiter, worker], timeout=20)
        assert not alive
    assert set(store.home.rglob("*")) == stored  # the store may be read-only
    assert scratch.exists()
    create_scratch().rmdir()
    assert not scratch.exists()


def test_the_service_needs_a_champion(tmp_path: Path) -> None:
    with pytest.raises(NoChampionError, match="mtl retrain"), process.running_service(tmp_path, "flights"):
        pytest.fail("it runs")
    with pytest.raises(NoChampionError, match="mtl retrain"):
        process.serve(tmp_path, "flights")


def test_the_error_for_a_failed_start_ends_with_the_log(
    export: Export, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    tag = promote(store, export())
    monkeypatch.setattr(process, "check_champion", lambda *_: None)  # as if the file were damaged after the check
    (store.path(tag) / "model.onnx").write_bytes(b"broken")
    message = r"ended with code 1 before it was ready\n(.|\n)*its SHA-256 must be"
    with pytest.raises(ProcessError, match=message), process.running_service(store.home, "flights"):
        pytest.fail("it runs")


HANGING = """
import signal, subprocess, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
time.sleep(60)
"""


def test_a_late_service_is_killed_with_its_workers(
    export: Export, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    promote(store, export())
    monkeypatch.setattr(process, "_command", lambda *_: [sys.executable, "-c", HANGING])
    killed: list[psutil.Process] = []
    kill = psutil.Process.kill
    monkeypatch.setattr(psutil.Process, "kill", lambda child: (killed.append(child), kill(child)))
    monkeypatch.setattr(process, "_STOP_SECONDS", 0.2)
    before = child_processes()
    with (
        pytest.raises(ProcessError, match=r"must be ready within 0\.5 s"),
        process.running_service(store.home, "flights", seconds=0.5),
    ):
        pytest.fail("it runs")
    (worker,) = killed
    psutil.wait_procs([worker], timeout=5)
    assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE
    assert child_processes() <= before


SERVE = """
import sys
from pathlib import Path
from typing import Any
from serving.process import serve
serve(Path(sys.argv[1]), "flights", port=int(sys.argv[2]))
"""


def test_serve_runs_in_the_foreground_and_ends_with_sigterm(export: Export, tmp_path: Path, store: Store) -> None:
    tag = promote(store, export())
    port = process._free_port()
    root = str(Path(process.__file__).parents[1])
    log = (tmp_path / "log").open("w+b")
    with (
        log,
        subprocess.Popen(
            [sys.executable, "-c", SERVE, "home", str(port)],
            cwd=tmp_path,  # the store's folder is relative to the caller's
            env={**os.environ, "PYTHONPATH": root},
            stdout=log,
            stderr=log,
        ) as child,
    ):
        try:
            process._wait_until_ready(child, port, 60.0, log)
            assert httpx.get(f"http://127.0.0.1:{port}/model", trust_env=False).json()["model"] == tag
            workers = psutil.Process(child.pid).children(recursive=True)
            scratch = Path(psutil.Process(child.pid).environ()["BENTOML_HOME"])
            child.terminate()
            child.wait(timeout=30)
        finally:
            child.kill()
    assert not any(worker.is_running() for worker in workers)
    assert not scratch.exists()


def test_the_first_champion_is_waited_for(
    export: Export, store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _seconds: promote(store, export()))
    for _ in range(2):  # the second time there is one
        process.wait_for_champion(store.home, "flights")
    assert capsys.readouterr().err == "waiting for the first champion of model 'flights'\n"


def test_serve_replaces_the_process(
    export: Export, tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    promote(store, export())
    arguments: list[Any] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "execve", lambda *passed: arguments.extend(passed))
    process.serve(Path("home"), "flights", host="0.0.0.0", port=8080)
    program, command, environment = arguments
    assert program == sys.executable
    assert command[-4:] == ["--host", "0.0.0.0", "--port", "8080"]
    assert environment["TRUNKLINE_STORE"] == str(store.home)
    assert environment["TRUNKLINE_MODEL"] == "flights"
    assert environment["BENTOML_DO_NOT_TRACK"] == "True"
