"""The service as a process of its own: in the foreground for good, or beside the caller for a while."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, NoReturn

import psutil  # type: ignore[import-untyped]  # it ships no types

from serving.errors import ProcessError
from serving.preflight import check_champion, check_port
from serving.scratch import SCRATCH_VARIABLE, make_scratch

if TYPE_CHECKING:
    from collections.abc import Iterator

LOOPBACK = "127.0.0.1"
_POLL_SECONDS = 0.1
_STOP_SECONDS = 20.0
_LOG_LINES = 20

# The folder that holds the package: BentoML imports the service from where it runs.
_ROOT = Path(__file__).resolve().parents[1]


def serve(home: Path, name: str, *, host: str = LOOPBACK, port: int = 3000) -> NoReturn:
    """Become the service of a model's champion: this process is replaced, and ends with Ctrl-C or SIGTERM.

    home: the store's folder (BENTOML_HOME). host: an IP address or a name of this machine. Raises NoChampionError,
    NoVersionError, DamagedError or PortError before anything is started.
    """
    check_champion(home, name)
    check_port(host, port)
    environment = _environment(home, name, make_scratch())  # resolves paths, so before the folder changes
    sys.stdout.flush()
    sys.stderr.flush()
    os.chdir(_ROOT)
    os.execve(sys.executable, _command(host, port), environment)


@contextlib.contextmanager
def running(home: Path, name: str, *, seconds: float = 60.0) -> Iterator[str]:
    """Run the service beside the caller on a free loopback port; yields its base URL once it is ready, then stops it.

    home: the store's folder (BENTOML_HOME). seconds: how long it may take to become ready. A caller that has a lifeline
    takes the service with it where it is killed.
    Raises NoChampionError, NoVersionError, DamagedError, or ProcessError with the last lines of its log.
    """
    check_champion(home, name)
    port, scratch = _free_port(), make_scratch()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(  # a list of arguments, no shell
            _command(LOOPBACK, port),
            cwd=_ROOT,
            env=_environment(home, name, scratch),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # the terminal's Ctrl-C comes through us
        )
        try:
            _wait_until_ready(process, port, seconds, log)
            yield f"http://{LOOPBACK}:{port}"
        finally:
            _stop(process)
            shutil.rmtree(scratch, ignore_errors=True)


def _command(host: str, port: int) -> list[str]:
    command = [sys.executable, "-m", "serving", "serve", "serving.service:Predict"]
    return [*command, "--host", host, "--port", str(port)]


def _environment(home: Path, name: str, scratch: Path) -> dict[str, str]:
    quiet = {"BENTOML_DO_NOT_TRACK": "True", "DO_NOT_TRACK": "1", "ORT_DISABLE_TELEMETRY": "1"}
    where = {"BENTOML_HOME": str(scratch), SCRATCH_VARIABLE: str(scratch)}
    return {**os.environ, **quiet, **where, "TRUNKLINE_STORE": str(home.resolve()), "TRUNKLINE_MODEL": name}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, seconds: float, log: IO[bytes]) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise ProcessError(f"the service ended with code {process.returncode} before it was ready\n{_tail(log)}")
        if _is_ready(port):
            return
        time.sleep(_POLL_SECONDS)
    raise ProcessError(f"the service must be ready within {seconds:g} s, found it not ready\n{_tail(log)}")


def _is_ready(port: int) -> bool:
    # http.client rather than a client that heeds proxy settings: this is our own process on loopback.
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=2.0)
    try:
        connection.request("GET", "/readyz")
        with connection.getresponse() as response:
            return response.status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _stop(process: subprocess.Popen[bytes]) -> None:
    # First the way a person would, so that requests under way are answered; then by force. BentoML's workers lead
    # sessions of their own: they must be known before the process that started them is gone.
    family: list[psutil.Process] = []
    with contextlib.suppress(psutil.NoSuchProcess):
        family = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_SECONDS)
    process.kill()
    for member in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()
    process.wait()


def _tail(log: IO[bytes]) -> str:
    # By offset: to seek would move the place where the child writes.
    text = os.pread(log.fileno(), os.fstat(log.fileno()).st_size, 0).decode("utf-8", "replace")
    return "\n".join(text.splitlines()[-_LOG_LINES:])
