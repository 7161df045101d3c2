"""The service over HTTP, in this process: what is refused, and with which words."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient
from starlette.types import Message, Scope

import serving.app
from serving.app import MAX_BODY, PathGuard, build_app
from serving.live import LiveModel
from tests.serving.example_models import ROW


def chunks(size: int) -> Iterator[bytes]:
    for _ in range(size // 2**20):
        yield b" " * 2**20


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("POST", "/predict", json.dumps([ROW] * 10_000), 200, ""),
        ("POST", "/predict", json.dumps([ROW] * 10_001), 400, "1 to 10,000 rows"),
        ("POST", "/predict", json.dumps([ROW] * 100_000), 400, "1 to 10,000 rows"),
        ("POST", "/predict", json.dumps([ROW]).ljust(MAX_BODY), 200, ""),
        ("POST", "/predict", json.dumps([ROW]).ljust(MAX_BODY + 1), 413, "at most 16,777,216 bytes"),
        ("POST", "/predict", chunks(MAX_BODY), 400, "must be JSON"),
        ("POST", "/predict", chunks(MAX_BODY + 2**20), 413, "at most 16,777,216 bytes"),
        ("POST", "/predict", "", 400, "must be JSON"),
        ("POST", "/predict", "[]", 400, "1 to 10,000 rows"),
        ("POST", "/predict", "[{]", 400, "must be JSON"),
        (
            "POST",
            "/predict",
            json.dumps([{**ROW, "distance": "far"}]),
            400,
            "row 0, field 'distance': must be a number",
        ),
        ("POST", "/predict", json.dumps([ROW, {}]), 400, "row 1, field 'carrier': is required"),
        ("POST", "/predict", json.dumps([{**ROW, "x": 1}]), 400, "row 0, field 'x': is not an input"),
        ("GET", "/predict", "", 405, "GET /predict is not an endpoint"),
        ("PUT", "/predict", "[]", 405, "PUT /predict is not an endpoint"),
        ("POST", "/model", "", 405, "POST /model is not an endpoint"),
        ("GET", "/predictions", "", 404, "GET /predictions is not an endpoint"),
        ("POST", "/", "", 405, "POST / is not an endpoint"),
        ("POST", "/predict/", "[]", 404, "POST /predict/ is not an endpoint"),
        ("GET", "/" + "x" * 5_000, "", 404, "is not an endpoint"),
        ("POST", "/readyz", "", 405, "POST /readyz is not an endpoint"),
        ("BREW" * 1_000, "/coffee", "", 404, "is not an endpoint"),
    ],
)
def test_accepted_beside_refused(
    client: TestClient, method: str, path: str, body: Any, status: int, words: str
) -> None:
    answer = client.request(method, path, content=body, follow_redirects=False)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    if status == 200:
        return
    error = answer.json()["error"]
    assert words in error["message"]
    assert list(error) == ["message", "details", "total"]
    assert len(answer.content) < 1_000
    if status == 405:
        assert answer.headers["allow"] == ("POST" if path == "/predict" else "GET, HEAD")
    if status == 400:
        assert error["total"] >= 1
        assert list(error["details"][0]) == ["row", "field", "rule", "found"]
    assert client.post("/predict", json=[ROW]).status_code == 200


@pytest.mark.parametrize("declared", ["16777217", "9" * 15, "9" * 5_000])
def test_a_declared_size_is_refused_before_anything_is_read(client: TestClient, declared: str) -> None:
    def unread() -> Iterator[bytes]:
        pytest.fail("the body was read")
        yield b""

    scope: Scope = {
        "type": "http",
        "method": "POST",
        "path": "/predict",
        "headers": [(b"content-length", declared.encode())],
        "query_string": b"",
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": next(unread())}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(client.app(scope, receive, send))
    assert sent[0]["status"] == 413


def ask(client: TestClient, messages: list[Message], wait: float = 0.0) -> int:
    """POST /predict with a body that arrives as these messages; returns the status."""
    scope: Scope = {"type": "http", "method": "POST", "path": "/predict", "headers": [], "query_string": b""}
    status: list[int] = []

    async def receive() -> Message:
        await asyncio.sleep(wait)
        return messages.pop(0)

    async def send(message: Message) -> None:
        status.append(message.get("status", 0))

    asyncio.run(client.app(scope, receive, send))
    return status[0]


def test_a_client_that_goes_away_is_no_error_of_ours(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    part: Message = {"type": "http.request", "body": b"[", "more_body": True}
    assert ask(client, [part, {"type": "http.disconnect"}]) == 400
    assert caplog.records == []


def test_a_client_that_is_too_slow_is_let_go(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    part: Message = {"type": "http.request", "body": b"[", "more_body": True}
    monkeypatch.setattr(serving.app, "BODY_SECONDS", 0.01)
    assert ask(client, [part] * 5, wait=0.1) == 408


def test_nothing_is_served_before_a_model_is_there() -> None:
    live = LiveModel()
    client = TestClient(PathGuard(build_app(live), live))
    for answer in (client.post("/predict", json=[ROW]), client.get("/model"), client.get("/")):
        assert answer.status_code == 503
        assert "no model is loaded yet" in answer.json()["error"]["message"]


def test_a_failure_of_the_model_is_logged_and_not_told(
    client: TestClient, live: LiveModel, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a secret of the house")

    assert live.current is not None
    monkeypatch.setattr(live.current.model, "predict", fail)
    answer = client.post("/predict", json=[ROW])
    assert answer.status_code == 500
    assert "see the server log" in answer.json()["error"]["message"]
    assert "secret" not in answer.text
    assert "a secret of the house" in caplog.text
