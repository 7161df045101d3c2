"""The service as a real process: it starts, answers, changes its model under load, refuses to start, and stops."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
import pytest

from serving import process
from serving.champion import set_champion
from serving.errors import NoChampionError, ProcessError
from serving.scratch import create_scratch
from serving.store import Store
from tests.serving.example_models import ROW, promote, save

Export = Callable[..., Path]


def family_of_this_process() -> set[psutil.Process]:
    """Processes that run below it now; other tests may have servers of their own there."""
    return set(psutil.Process().children(recursive=True))


def test_a_promotion_under_load_drops_no_request_and_nothing_is_left_running(export: Export, store: Store) -> None:
    first = promote(store, export())
    answers: list[list[tuple[int, str, float]]] = [[], [], [], []]
    done = threading.Event()

    def ask(url: str, seen: list[tuple[int, str, float]]) -> None:
        with httpx.Client(base_url=url, trust_env=False) as client:
            while not done.is_set():
                answer = client.post("/predict", json=[ROW])
                content = answer.json()
                seen.append((answer.status_code, content["model"], content["predictions"][0]["arr_delay"]))

    before = family_of_this_process()
    with process.running_service(store.home, "flights") as url:
        children = family_of_this_process() - before
        assert len(children) >= 2  # the arbiter and its worker
        threads = [threading.Thread(target=ask, args=(url, seen)) for seen in answers]
        for thread in threads:
            thread.start()
        try:
            time.sleep(0.3)
            second = promote(store, export(bias=100.0))
            metrics = httpx.get(f"{url}/metrics", trust_env=False)
            assert 'request_total{endpoint="/predict"' in metrics.text
            end = time.monotonic() + 20
            while not all(seen and seen[-1][1] == second for seen in answers):
                assert time.monotonic() < end, "the new champion was not taken up"
                time.sleep(0.05)
        finally:
            done.set()
            for thread in threads:
                thread.join()

    expected = {first: 2.5, second: 102.5}
    for seen in answers:
        assert {status for status, _, _ in seen} == {200}
        tags = [tag for _, tag, _ in seen]
        assert tags == sorted(tags, key=[first, second].index)  # never back again
        assert all(delay == expected[tag] for _, tag, delay in seen)
    assert not any(child.is_running() for child in children)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/readyz", trust_env=False)


def test_a_champion_that_was_damaged_and_mended_is_served_in_the_end(export: Export, store: Store) -> None:
    first = promote(store, export())
    second = save(store, export(bias=100.0))
    graph = store.path(second) / "model.onnx"
    whole = graph.read_bytes()

    def until(url: str, model: str, refused: str | None) -> None:
        end = time.monotonic() + 20
        while True:
            ready = httpx.get(f"{url}/readyz", trust_env=False).json()
            found = ready["model"], ready["refused"] and ready["refused"]["champion"]
            if found == (model, refused):
                return
            assert time.monotonic() < end, ready
            time.sleep(0.05)

    with process.running_service(store.home, "flights") as url:
        until(url, first, None)
        graph.write_bytes(b"damaged")
        set_champion(store.home, "flights", second)
        until(url, first, second)
        graph.write_bytes(whole)
        until(url, second, None)
        answer = httpx.post(f"{url}/predict", json=[ROW], trust_env=False).json()
    assert answer["predictions"][0]["arr_delay"] == 102.5


def test_it_stops_when_the_caller_fails(export: Export, store: Store) -> None:
    promote(store, export())
    before, children = family_of_this_process(), set[psutil.Process]()

    def fail() -> None:
        with process.running_service(store.home, "flights"):
            children.update(family_of_this_process() - before)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert len(children) >= 2
    assert not any(child.is_running() for child in children)


DEMO = """
import sys
from pathlib import Path
from serving.lifeline import start_lifeline
from serving.process import running_service
start_lifeline(Path(sys.argv[1]))
with running_service(Path(sys.argv[2]), "flights"):
    print("ready", flush=True)
    sys.stdin.read()
"""


def test_it_ends_with_a_caller_that_is_killed_and_the_next_start_removes_its_folder(
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
    assert set(store.home.rglob("*")) == stored  # it may be read-only
    assert scratch.exists()
    create_scratch().rmdir()
    assert not scratch.exists()


def test_without_a_champion_nothing_is_started(tmp_path: Path) -> None:
    with pytest.raises(NoChampionError, match="mtl retrain"), process.running_service(tmp_path, "flights"):
        pytest.fail("it runs")
    with pytest.raises(NoChampionError, match="mtl retrain"):
        process.serve(tmp_path, "flights")


def test_a_service_that_dies_is_told_with_its_last_words(
    export: Export, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    tag = promote(store, export())
    monkeypatch.setattr(process, "check_champion", lambda *_: None)  # as if the file were damaged just after it
    (store.path(tag) / "model.onnx").write_bytes(b"broken")
    last_words = r"ended with code 1 before it was ready\n(.|\n)*its SHA-256 must be"
    with pytest.raises(ProcessError, match=last_words), process.running_service(store.home, "flights"):
        pytest.fail("it runs")


STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
time.sleep(60)
"""


def test_a_service_that_is_late_is_ended(export: Export, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    promote(store, export())
    monkeypatch.setattr(process, "_command", lambda *_: [sys.executable, "-c", STUBBORN])
    family: list[psutil.Process] = []
    kill = psutil.Process.kill
    monkeypatch.setattr(psutil.Process, "kill", lambda member: (family.append(member), kill(member)))
    monkeypatch.setattr(process, "_STOP_SECONDS", 0.2)
    start, before = time.monotonic(), family_of_this_process()
    with (
        pytest.raises(ProcessError, match=r"must be ready within 0\.5 s"),
        process.running_service(store.home, "flights", seconds=0.5),
    ):
        pytest.fail("it runs")
    assert time.monotonic() - start < 10
    (worker,) = family
    psutil.wait_procs([worker], timeout=5)
    assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE
    assert family_of_this_process() <= before


SERVE = """
import sys
from pathlib import Path
from serving.process import serve
serve(Path(sys.argv[1]), "flights", port=int(sys.argv[2]))
"""


def test_in_the_foreground_it_becomes_the_service_and_ends_when_told(
    export: Export, tmp_path: Path, store: Store
) -> None:
    tag = promote(store, export())
    port = process._free_port()
    root = str(Path(process.__file__).parents[1])
    log = (tmp_path / "log").open("w+b")
    with (
        log,
        subprocess.Popen(
            [sys.executable, "-c", SERVE, "home", str(port)],
            cwd=tmp_path,  # the home is given relative to where the caller stands
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


def test_the_command_replaces_the_caller(
    export: Export, tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    promote(store, export())
    called: list[object] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "execve", lambda *arguments: called.extend(arguments))
    process.serve(Path("home"), "flights", host="0.0.0.0", port=8080)
    program, command, environment = called
    assert program == sys.executable
    assert isinstance(command, list)
    assert command[-4:] == ["--host", "0.0.0.0", "--port", "8080"]
    assert isinstance(environment, dict)
    assert environment["TRUNKLINE_STORE"] == str(store.home)
    assert environment["TRUNKLINE_MODEL"] == "flights"
    assert environment["BENTOML_DO_NOT_TRACK"] == "True"
