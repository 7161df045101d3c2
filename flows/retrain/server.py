"""Prefect's temporary server, for runs without PREFECT_API_URL: a child that ends with this process, with a log.

The server that Prefect starts by itself outlives a kill, and has no log where its start fails.
"""

import atexit
import gc
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

import httpx

from mtl_core.errors import ToolError
from serving.lifeline import end_with_parent
from serving.process import LOOPBACK, is_ready
from serving.redaction import redact

LOG = "server.log"
ENVIRONMENT = {
    "PREFECT_UI_ENABLED": "0",
    "PREFECT__SERVER_EPHEMERAL": "1",
    "PREFECT__SERVER_FINAL": "1",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "WARNING",
}
"""As Prefect sets it for the temporary server of a process, but with a log."""
LOG_LINES = 15
COMMAND = (sys.executable, "-m", "flows.retrain.server")
POLL_SECONDS, NOTICE_SECONDS = 0.2, 5.0
STOP_SECONDS = 5.0


_is_temporary: ContextVar[bool] = ContextVar("is_temporary", default=False)


def has_lasting_server() -> bool:
    """True if flow runs report to the server of PREFECT_API_URL, and not to a temporary one."""
    from prefect.settings import PREFECT_API_URL

    return bool(PREFECT_API_URL.value()) and not _is_temporary.get()


@contextmanager
def prefect_server(home: Path) -> Iterator[None]:
    """A Prefect server for the block: that of PREFECT_API_URL, else a temporary one, which ends with this process.

    Args:
        home: PREFECT_HOME; the server's log is written there.

    Raises:
        ToolError: the server does not start, or does not answer; with the last lines of the temporary server's log.
    """
    from prefect.settings import PREFECT_API_URL, PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS, temporary_settings

    if url := PREFECT_API_URL.value():
        with _answering(url, "start it, or unset PREFECT_API_URL to use a temporary server"):
            yield
        return
    home.mkdir(parents=True, exist_ok=True)
    log = home / LOG
    port, process = _start(log)
    url = f"http://{LOOPBACK}:{port}/api"
    seconds = PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS.value()
    _wait_until_ready(process, port, seconds, log)
    token = _is_temporary.set(True)
    try:
        with temporary_settings({PREFECT_API_URL: url}), _answering(url, f"see its log, {log}"):
            yield
    finally:
        _is_temporary.reset(token)


@contextmanager
def _answering(url: str, fix: str) -> Iterator[None]:
    """Raise the client's errors about a server that does not answer, or fails, as a ToolError."""
    try:
        yield
    except (httpx.HTTPError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "Failed to reach API" not in str(error):
            raise
        lines = str(error).splitlines() or [repr(error)]
        raise ToolError(redact(f"Prefect server {url}: must answer, found {lines[0]}; {fix}")) from error


def _start(log: Path) -> tuple[int, "subprocess.Popen[bytes]"]:
    # The socket is bound here and inherited: a port that was only chosen could be taken by another process.
    with socket.socket() as listener, log.open("wb") as output:
        listener.bind((LOOPBACK, 0))
        listener.listen(100)
        port: int = listener.getsockname()[1]
        process = subprocess.Popen(  # a list of arguments, no shell
            [*COMMAND, str(listener.fileno())],
            env={**os.environ, **ENVIRONMENT},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=[listener.fileno()],
            start_new_session=True,  # the terminal's Ctrl-C ends this process, which still needs the server
        )
    # Stopped at exit, not after the block: threads of Prefect's client send events until this process ends.
    atexit.register(_stop, process)
    return port, process


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait_until_ready(process: "subprocess.Popen[bytes]", port: int, seconds: float, log: Path) -> None:
    """Wait until the server answers, with a notice on stderr every NOTICE_SECONDS; raises ToolError."""
    start = time.monotonic()
    last_notice = start
    while not is_ready(port, "/api/health"):
        now = time.monotonic()
        if process.poll() is not None:
            raise ToolError(f"Prefect's temporary server ended with code {process.returncode}{_explain(log)}")
        if now - start > seconds:
            _stop(process)
            raise ToolError(f"Prefect's temporary server must answer within {seconds:g} s, found none{_explain(log)}")
        if now - last_notice > NOTICE_SECONDS:
            last_notice = now
            notice = f"waiting for Prefect's temporary server, {now - start:.0f} s of at most {seconds:g} s"
            print(notice, file=sys.stderr, flush=True)
        time.sleep(POLL_SECONDS)


def _explain(log: Path) -> str:
    """The fix, and the last lines of the log."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]
    fix = (
        f"; its database and its log are in {log.parent}, which may be removed, and PREFECT_SERVER_EPHEMERAL_STARTUP_"
        "TIMEOUT_SECONDS allows it more time on a slow machine"
    )
    return "\n".join([fix, *(lines or [f"{log} is empty"])])


def _serve(descriptor: int) -> None:
    """Run the server in this process, on the listening socket of that file descriptor."""
    gc.set_threshold(200_000)  # as in the command line; a sixth of the server's start
    end_with_parent()
    import uvicorn

    uvicorn.run("prefect.server.api.server:create_app", factory=True, fd=descriptor, log_level="error", lifespan="on")


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
