"""Prefect's temporary server: used only without PREFECT_API_URL; where it does not come up, its log and what to do."""

import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL, PREFECT_API_URL, temporary_settings

from flows.retrain import database, server
from mtl_core.errors import ToolError


def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Callable[[int], None], seconds: float) -> None:
    monkeypatch.setattr(server, "_run", run)
    log = tmp_path / server.LOG
    url, process = server._start(log)
    try:
        server._wait_until_ready(process, url, seconds, log)
    finally:
        server._stop(process)


def test_a_server_that_ends_is_reported_with_its_last_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def end(_descriptor: int) -> None:
        print(*range(100), "file is not a database", sep="\n")
        sys.exit(3)

    with pytest.raises(ToolError) as found:
        start(tmp_path, monkeypatch, end, 60)
    lines = str(found.value).splitlines()
    assert "ended with code 3" in lines[0]
    assert str(tmp_path) in lines[0]
    assert len(lines) == 1 + server.LOG_LINES
    assert lines[-2:] == ["99", "file is not a database"]


def test_a_server_that_is_late_is_ended_and_the_wait_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(server, "NOTICE_SECONDS", 0.1)
    monkeypatch.setattr(server, "_is_ready", lambda _: False)
    with pytest.raises(ToolError, match=r"must answer within 0\.5 s.*PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"):
        start(tmp_path, monkeypatch, lambda _: time.sleep(60), 0.5)
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


def test_the_stored_schema_is_what_the_installed_prefect_migrates_to() -> None:
    stored, migrated = (
        sorted(line.rstrip(",") for line in schema.splitlines())  # the order of constraints is that of a set
        for schema in (database.stored_schema(), database.migrated_schema())
    )
    assert stored == migrated, "run `python -m flows.retrain.database`"


def test_a_database_is_made_once_and_only_where_prefect_would_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / database.DATABASE
    database.create_database(tmp_path)  # the settings name another one
    assert not path.exists()
    with temporary_settings({PREFECT_API_DATABASE_CONNECTION_URL: f"sqlite+aiosqlite:///{path}"}):
        monkeypatch.setattr(database, "version", lambda _: "0.0.0")
        database.create_database(tmp_path)
        assert not path.exists()
        monkeypatch.undo()
        database.create_database(tmp_path)
        with closing(sqlite3.connect(path)) as made, made:
            assert made.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,)
            made.execute("DELETE FROM alembic_version")
        database.create_database(tmp_path)
        with closing(sqlite3.connect(path)) as kept:
            assert kept.execute("SELECT count(*) FROM alembic_version").fetchone() == (0,)
