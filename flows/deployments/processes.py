"""The processes of `mtl up`: Prefect server, worker and service, run by honcho with their output line by line."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from honcho.manager import Manager
from honcho.process import Popen, Process

from flows.deployments.prefect_yaml import check_deployments
from flows.deployments.worker import OWN_SERVER
from flows.layout import Layout
from mtl_core.locks import exclusive_command
from serving.lifeline import end_with_parent, start_lifeline
from serving.preflight import check_port

SERVER_URL = "PREFECT_API_URL"
SERVER_ENVIRONMENT = {
    # In memory, the default, the slots of runs that a kill ended would stay taken for ever.
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
}
MODULE = (sys.executable, "-m")


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """Addresses to listen on."""

    host: str
    server_port: int
    service_port: int


def run_processes(folder: Path, addresses: Addresses) -> int:
    """Run all processes until Ctrl-C or SIGTERM, or until one of them ends, which ends the others.

    With PREFECT_API_URL, the server there is used, and none is started. Returns 130 after Ctrl-C, 143 after SIGTERM,
    else the exit code of the process that ended first, or 128 and its signal.

    Raises ProblemError without a prefect.yaml, PortError, and RunInProgress if `mtl up` runs already, before anything
    is started.
    """
    check_deployments(folder)
    layout, own_server = Layout(folder), SERVER_URL not in os.environ
    with exclusive_command(layout.up_lock, "mtl up", fix="stop that one first"):
        for port in (addresses.service_port, *([addresses.server_port] if own_server else [])):
            check_port(addresses.host, port)
        start_lifeline(layout.lifelines)
        return _run(_commands(folder, addresses, own_server), _environment(addresses, own_server))


def _commands(folder: Path, addresses: Addresses, own_server: bool) -> dict[str, tuple[str, ...]]:
    host = ("--host", addresses.host)
    server = ("flows.deployments.prefect_cli", "server", "start", *host, "--port", str(addresses.server_port))
    service = ("serve", "--wait", "-C", str(folder), *host, "--port", str(addresses.service_port))
    return {
        **({"server": (*MODULE, *server)} if own_server else {}),
        "worker": (*MODULE, "flows.deployments.worker", str(folder)),
        "service": ("mtl", *service),
    }


def _environment(addresses: Addresses, own_server: bool) -> dict[str, str]:
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    if own_server:
        local = "127.0.0.1" if addresses.host in {"0.0.0.0", "::"} else addresses.host
        url = f"http://{f'[{local}]' if ':' in local else local}:{addresses.server_port}/api"
        environment |= {**SERVER_ENVIRONMENT, SERVER_URL: url, OWN_SERVER: "1"}
    return environment


class _Child(Process):  # type: ignore[misc]  # honcho ships no types
    """A process of honcho, and the process that forwards its output; both end with `mtl up`."""

    def __init__(self, cmd: list[str], **options: Any) -> None:
        super().__init__(cmd, **options)
        # honcho runs commands in a shell by default; these are lists of arguments.
        self._child_ctor = partial(Popen, shell=False, stdin=subprocess.DEVNULL)

    def run(self, *arguments: Any) -> None:
        end_with_parent()
        super().run(*arguments)


def _run(commands: Mapping[str, tuple[str, ...]], environment: dict[str, str]) -> int:
    manager = Manager()
    manager._process_ctor = _Child
    for name, command in commands.items():
        manager.add_process(name, list(command), env=environment)
    manager.loop()
    code: int = manager.returncode
    return 128 - code if code < 0 else code
