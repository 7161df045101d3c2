"""The service as a process: in the foreground, or in the background while a caller uses it."""

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
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NoReturn

import psutil  # type: ignore[import-untyped]  # it ships no types

from serving.champion import find_champion
from serving.errors import ProcessError
from serving.lifeline import end_with_parent
from serving.preflight import check_champion, check_port
from serving.remote import pull_if_configured
from serving.scratch import SCRATCH_VARIABLE, create_scratch

LOOPBACK = "127.0.0.1"
_POLL_SECONDS = 0.1
_CHAMPION_SECONDS = 0.5
_STOP_SECONDS = 20.0
_LOG_LINES = 20

# The parent of the package: BentoML imports the service from its working directory.
_ROOT = Path(__file__).resolve().parents[1]


def serve(home: Path, name: str, *, host: str = LOOPBACK, port: int = 3000) -> NoReturn:
    """Become the service of a model's champion: this process is replaced, and ends with Ctrl-C or SIGTERM.

    home: the store's folder (BENTOML_HOME). host: an IP address or a name of this machine. Raises NoChampionError,
    NoVersionError, DamagedError, RemoteError or PortError before anything is started.
    """
    pull_if_configured(home, name)
    check_champion(home, name)
    check_port(host, port)
    environment = _environment(home, name, create_scratch())  # resolves paths, so before chdir
    sys.stdout.flush()
    sys.stderr.flush()
    os.chdir(_ROOT)
    os.execve(sys.executable, _command(host, port), environment)


def wait_for_champion(home: Path, name: str) -> None:
    """Wait until the model has a champion, with a notice on stderr; raises DamagedError for a broken pointer file.

    home: the store's folder (BENTOML_HOME). Ends with the process that started this one, if that has a lifeline.
    """
    end_with_parent()
    if find_champion(home, name) is None:
        print(f"waiting for the first champion of model {name!r}", file=sys.stderr, flush=True)
    while find_champion(home, name) is None:
        time.sleep(_CHAMPION_SECONDS)


@contextlib.contextmanager
def running_service(home: Path, name: str, *, seconds: float = 60.0) -> Iterator[str]:
    """Run the service on a free loopback port; yields its base URL when it is ready, and stops it at the end.

    home: the store's folder (BENTOML_HOME). seconds: maximum time until it is ready. If the caller has a lifeline and
    is killed, the service ends too.
    Raises NoChampionError, NoVersionError, DamagedError, or ProcessError with the last lines of the service's log.
    """
    check_champion(home, name)
    port, scratch = _free_port(), create_scratch()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(  # a list of arguments, no shell
            _command(LOOPBACK, port),
            cwd=_ROOT,
            env=_environment(home, name, scratch),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C in the terminal must reach it through the caller only
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
    no_telemetry = {"BENTOML_DO_NOT_TRACK": "True", "DO_NOT_TRACK": "1", "ORT_DISABLE_TELEMETRY": "1"}
    folders = {"BENTOML_HOME": str(scratch), SCRATCH_VARIABLE: str(scratch), "TRUNKLINE_STORE": str(home.resolve())}
    return {**os.environ, **no_telemetry, **folders, "TRUNKLINE_MODEL": name}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, seconds: float, log: IO[bytes]) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ProcessError(f"the service ended with code {process.returncode} before it was ready\n{_tail(log)}")
        if is_ready(port, "/readyz"):
            return
        time.sleep(_POLL_SECONDS)
    raise ProcessError(f"the service must be ready within {seconds:g} s, found it not ready\n{_tail(log)}")


def is_ready(port: int, path: str) -> bool:
    """True if a server on a loopback port answers GET with status 200."""
    # http.client ignores proxy settings, which do not apply to a process on loopback.
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=2.0)
    try:
        connection.request("GET", path)
        with connection.getresponse() as response:
            return response.status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _stop(process: subprocess.Popen[bytes]) -> None:
    # First by Ctrl-C, so that running requests are answered; then by force. BentoML's workers are in separate sessions:
    # they must be listed before the process that started them has ended.
    workers: list[psutil.Process] = []
    with contextlib.suppress(psutil.NoSuchProcess):
        workers = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_SECONDS)
    process.kill()
    for worker in workers:
        with contextlib.suppress(psutil.NoSuchProcess):
            worker.kill()
    process.wait()


def _tail(log: IO[bytes]) -> str:
    # By offset: a seek would move the position at which the child writes.
    text = os.pread(log.fileno(), os.fstat(log.fileno()).st_size, 0).decode("utf-8", "replace")
    return "\n".join(text.splitlines()[-_LOG_LINES:])
