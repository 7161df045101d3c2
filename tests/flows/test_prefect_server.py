"""Prefect's temporary server: used only without PREFECT_API_URL; errors with its log where it does not start."""

import sys
from pathlib import Path

import httpx
import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.retrain import server
from mtl_core.errors import ToolError


def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, seconds: float) -> None:
    monkeypatch.setattr(server, "COMMAND", (sys.executable, "-c", code))
    log = tmp_path / server.LOG
    port, process = server._start(log)
    try:
        server._wait_until_ready(process, port, seconds, log)
    finally:
        server._stop(process)


def test_a_server_that_ends_is_an_error_with_its_last_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "print(*range(100), 'file is not a database', sep='\\n'); raise SystemExit(3)"
    with pytest.raises(ToolError) as caught:
        start(tmp_path, monkeypatch, code, 60)
    lines = str(caught.value).splitlines()
    assert "ended with code 3" in lines[0]
    assert str(tmp_path) in lines[0]
    assert len(lines) == 1 + server.LOG_LINES
    assert lines[-2:] == ["99", "file is not a database"]


def test_a_slow_server_is_stopped_after_notices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(server, "NOTICE_SECONDS", 0.1)
    monkeypatch.setattr(server, "is_ready", lambda *_: False)
    with pytest.raises(ToolError, match=r"must answer within 0\.5 s.*PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"):
        start(tmp_path, monkeypatch, "import time; time.sleep(60)", 0.5)
    assert "s of at most 0.5 s" in capfd.readouterr().err


@pytest.mark.parametrize("error", [httpx.ConnectError("refused"), RuntimeError("Failed to reach API at x")])
def test_a_server_that_does_not_answer_is_a_tool_error(tmp_path: Path, error: Exception) -> None:
    url = "http://127.0.0.1:1/api"
    with temporary_settings({PREFECT_API_URL: url}):
        with pytest.raises(ToolError, match=f"{url}: must answer"), server.prefect_server(tmp_path):
            raise error
        with pytest.raises(RuntimeError, match="a bug"), server.prefect_server(tmp_path):
            raise RuntimeError("a bug")
    assert not list(tmp_path.iterdir())
