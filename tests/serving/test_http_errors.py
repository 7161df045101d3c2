"""Errors over HTTP, in this process."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
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
    ("method", "path", "body", "status", "message"),
    [
        ("POST", "/predict", json.dumps([ROW] * 10_000), 200, ""),
        ("POST", "/predict", json.dumps([ROW] * 10_001), 400, "1 to 10,000 rows"),
        ("POST", "/predict", json.dumps([ROW]).ljust(MAX_BODY), 200, ""),
        ("POST", "/predict", json.dumps([ROW]).ljust(MAX_BODY + 1), 413, "at most 16,777,216 bytes"),
        ("POST", "/predict", chunks(MAX_BODY), 400, "must be JSON"),
        ("POST", "/predict", chunks(MAX_BODY + 2**20), 413, "at most 16,777,216 bytes"),
        ("POST", "/predict", "", 400, "must be JSON"),
        (
            "POST",
            "/predict",
            json.dumps([ROW, {}]),
            400,
            "'carrier': is required (null if unknown), found nothing",
        ),
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
def test_a_request_is_accepted_or_has_a_short_error(
    client: TestClient, method: str, path: str, body: Any, status: int, message: str
) -> None:
    response = client.request(method, path, content=body, follow_redirects=False)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/json"
    if status == 200:
        return
    error = response.json()["error"]
    assert message in error["message"]
    assert list(error) == ["message", "details", "total"]
    assert len(response.content) < 1_000
    if status == 405:
        assert response.headers["allow"] == ("POST" if path == "/predict" else "GET, HEAD")
    if status == 400:
        assert error["total"] >= 1
        assert list(error["details"][0]) == ["row", "field", "rule", "found"]
    assert client.post("/predict", json=[ROW]).status_code == 200


@pytest.mark.parametrize("length", ["16777217", "9" * 15, "9" * 5_000])
def test_a_large_content_length_is_rejected_before_the_body_is_read(client: TestClient, length: str) -> None:
    async def receive() -> Message:
        pytest.fail("the body was read")

    assert status_of(client, receive, [(b"content-length", length.encode())]) == 413


def status_of(
    client: TestClient, receive: Callable[[], Awaitable[Message]], headers: list[tuple[bytes, bytes]] | None = None
) -> int:
    """Status of POST /predict with a body that arrives as those messages."""
    scope: Scope = {"type": "http", "method": "POST", "path": "/predict", "headers": headers or [], "query_string": b""}
    statuses: list[int] = []

    async def send(message: Message) -> None:
        statuses.append(message.get("status", 0))

    asyncio.run(client.app(scope, receive, send))
    return statuses[0]


PART: Message = {"type": "http.request", "body": b"[", "more_body": True}


def test_a_client_that_disconnects_is_not_logged_as_an_error(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    messages: list[Message] = [{"type": "http.disconnect"}, PART]

    async def receive() -> Message:
        return messages.pop()

    assert status_of(client, receive) == 400
    assert caplog.records == []


def test_a_slow_body_has_status_408(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving.app, "BODY_SECONDS", 0.01)

    async def receive() -> Message:
        await asyncio.sleep(0.1)
        return PART

    assert status_of(client, receive) == 408


def test_the_status_is_503_until_a_model_is_loaded() -> None:
    live = LiveModel()
    client = TestClient(PathGuard(build_app(live), live))
    for response in (client.post("/predict", json=[ROW]), client.get("/model"), client.get("/")):
        assert response.status_code == 503
        assert "no model is loaded yet" in response.json()["error"]["message"]


def test_a_failure_of_the_model_is_logged_and_not_sent_to_the_client(
    client: TestClient, live: LiveModel, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("an internal secret")

    assert live.current is not None
    monkeypatch.setattr(live.current.model, "predict", fail)
    response = client.post("/predict", json=[ROW])
    assert response.status_code == 500
    assert "see the server log" in response.json()["error"]["message"]
    assert "secret" not in response.text
    assert "an internal secret" in caplog.text
