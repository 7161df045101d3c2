"""`mtl up` with a real server, worker and service: a kill in mid-training, the run that follows, and a cron run.

The notification of the docs is created on that server, and received for a failed run.
"""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas import filters
from prefect.client.schemas.objects import FlowRun
from prefect.events import Event
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Failed

from flows.deployments.prefect_yaml import DEPLOYMENTS, deployments_text
from tests.flows.conftest import replace_text
from tests.pages import blocks, free_port

SECONDS = 600.0
"""Deadline of each wait, for a loaded machine."""
FAST = {
    "PREFECT_WORKER_QUERY_SECONDS": "2",
    "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "3",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
}


def until(condition: Callable[[], Any], what: str) -> Any:
    """The first true value of the condition."""
    end = time.monotonic() + SECONDS
    while not (value := condition()):
        assert time.monotonic() < end, f"not within {SECONDS:g} s: {what}"
        time.sleep(0.2)
    return value


@contextmanager
def webhook() -> Iterator[tuple[str, list[str]]]:
    """Address of an HTTP server on this machine, and the bodies that it was sent."""
    bodies: list[str] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["content-length"])).decode())
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", bodies
        finally:
            server.shutdown()
            thread.join()


def example(word: str) -> str:
    """The page's program that contains the word."""
    (program,) = (b.text for b in blocks("howto/schedule.md") if b.language == "python" and word in b.text)
    return program


class Up:
    """`mtl up` for a folder, in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.port, server_port = free_port(), free_port()
        self.api = f"http://127.0.0.1:{server_port}/api"
        self._log = (folder / "up.log").open("ab")
        left_out = {"TRUNKLINE_LIFELINE", "PREFECT_API_URL"}
        environment = {name: value for name, value in os.environ.items() if name not in left_out} | FAST
        command = ["mtl", "up", "-C", str(folder), "--port", self.port, "--server-port", server_port]
        self.process = subprocess.Popen(command, env=environment, stdout=self._log, stderr=self._log)
        self._folder = folder

    def log(self) -> str:
        return (self._folder / "up.log").read_text(encoding="utf-8", errors="replace")

    def started(self) -> bool:
        assert self.process.poll() is None, self.log()
        return "Worker " in self.log() and "started!" in self.log()

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def find(self, *words: str) -> psutil.Process | None:
        """The child whose command line contains the words."""
        for child in self.children():
            try:
                command = child.cmdline()
            except psutil.Error:
                continue
            if all(word in command for word in words):
                return child
        return None

    def ends(self, code: int, children: list[psutil.Process]) -> None:
        """Assert that it ends with that exit code, and leaves no process."""
        assert self.process.wait(SECONDS) == code, self.log()
        _, alive = psutil.wait_procs(children, SECONDS)
        assert not alive

    def stop(self) -> None:
        if self.process.poll() is None:
            children = self.children()
            for process in (psutil.Process(self.process.pid), *children):
                process.kill()
            self.process.wait(SECONDS)
        self._log.close()


@contextmanager
def up(folder: Path) -> Iterator[tuple[Up, SyncPrefectClient]]:
    """`mtl up` once its worker has started, and a client of its server."""
    (folder / "up.log").unlink(missing_ok=True)
    running = Up(folder)
    try:
        until(running.started, "the worker")
        with temporary_settings({PREFECT_API_URL: running.api}), get_client(sync_client=True) as client:
            yield running, client
    finally:
        running.stop()


def state(client: SyncPrefectClient, run: FlowRun) -> str:
    return client.read_flow_run(run.id).state_name or ""


def runs(client: SyncPrefectClient, deployment: str) -> list[FlowRun]:
    """The completed runs of a deployment."""
    read = client.read_flow_runs(
        deployment_filter=filters.DeploymentFilter(name=filters.DeploymentFilterName(any_=["tiny"])),
        flow_filter=filters.FlowFilter(name=filters.FlowFilterName(any_=[deployment])),
    )
    return [run for run in read if run.state_name == "Completed"]


def test_a_kill_of_mtl_up_leaves_no_process(tools: None, tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("name: wine\n", encoding="utf-8")
    (tmp_path / DEPLOYMENTS).write_text(deployments_text("wine"), encoding="utf-8")
    running = Up(tmp_path)
    try:
        until(lambda: "waiting for the first champion" in running.log(), "the service")
        children = running.children()
        assert running.find("serve", "--wait") in children
        running.process.kill()
        running.ends(-signal.SIGKILL, children)
    finally:
        running.stop()


def test_the_pages_state_hook_sends_the_reason_of_a_failed_run(
    prefect_server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with webhook() as (url, bodies):
        monkeypatch.setenv("WEBHOOK_URL", url)
        names: dict[str, Any] = {}
        exec(example("with_options"), names)
        assert names["retrain"](tmp_path, return_state=True).is_failed()
    (body,) = bodies
    assert f"retrain {tmp_path.name}: {tmp_path / 'params.yaml'}: not found" in body


def test_a_kill_leaves_nothing_running_and_the_next_runs_and_the_cron_run_complete(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployments, params = copied / DEPLOYMENTS, (copied / "params.yaml").read_text(encoding="utf-8")
    weekly = deployments.read_text(encoding="utf-8")
    replace_text(copied, "epochs: 4", "epochs: 100000")
    with webhook() as (url, bodies):
        with up(copied) as (first, client):
            retrain = client.read_deployment_by_name("retrain/tiny").id
            monkeypatch.setenv("WEBHOOK_URL", url)
            exec(example("SendNotification"), {})
            killed = client.create_flow_run_from_deployment(retrain)
            training = until(lambda: first.find("stage", "train"), "the stage train")
            queued = client.create_flow_run_from_deployment(retrain)
            until(lambda: state(client, queued) == "AwaitingConcurrencySlot", "the second run in the queue")
            children = [*first.children(), training]
            worker = first.find("flows.deployments.worker")
            assert worker is not None
            worker.kill()
            first.ends(128 + signal.SIGKILL, children)
        (copied / "params.yaml").write_text(params, encoding="utf-8")
        deployments.write_text(weekly.replace("0 5 * * 1", "* * * * *"), encoding="utf-8")
        with up(copied) as (second, client):
            assert state(client, killed) == "Crashed"
            until(lambda: state(client, queued) == "Completed", "the run that was queued")
            until(lambda: any(run.auto_scheduled for run in runs(client, "retrain")), "a run of the cron schedule")
            ingest = client.read_deployment_by_name("ingest/tiny").id
            failed = client.create_flow_run_from_deployment(ingest)
            client.set_flow_run_state(failed.id, Failed(message="no space"), force=True)
            until(lambda: f'{{"text":"{failed.name} is Failed: no space"}}' in bodies, "the notification")
            event = Event(event="trunkline.data.arrived", resource={"prefect.resource.id": "trunkline.problem.tiny"})
            httpx.post(f"{second.api}/events", json=[event.model_dump(mode="json")], timeout=60, trust_env=False)
            until(lambda: runs(client, "ingest"), "the ingest after the event")
            assert httpx.get(f"http://127.0.0.1:{second.port}/readyz", trust_env=False).is_success
            children = second.children()
            second.process.send_signal(signal.SIGINT)
            second.ends(130, children)
