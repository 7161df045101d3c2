"""The service over HTTP, in this process: what is answered, what is refused, and how a new champion is taken up."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

import serving.app
import serving.live
from serving.app import INLINE_BODY, MAX_BODY, Entrance, build_app
from serving.errors import NoChampionError, ServingError
from serving.live import LiveModel, Served
from serving.service import Predict
from serving.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from starlette.types import Message, Receive, Scope, Send

    Export = Callable[..., Path]

ROW = {"carrier": "AA", "distance": 1.5, "is_holiday": None}


def promote(store: Store, model: Path) -> str:
    tag = store.save(model=model, checks=model / "checks.json")
    store.promote(tag)
    return tag


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home")


@pytest.fixture
def live(store: Store, export: Export) -> LiveModel:
    promote(store, export())
    live = LiveModel()
    live.open(store.home, "flights")
    return live


@pytest.fixture
def client(live: LiveModel) -> TestClient:
    return TestClient(Entrance(build_app(live)))


def test_every_task_is_answered_for_every_row(client: TestClient, store: Store) -> None:
    answer = client.post("/predict", json=[ROW, {**ROW, "carrier": "UA", "is_holiday": True}])
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    content = answer.json()
    assert content["model"] == store.champion("flights")
    first, second = content["predictions"]
    assert list(first) == ["cancelled", "delay_band", "arr_delay"]
    assert (first["arr_delay"], second["arr_delay"]) == (2.5, 13.5)
    assert first["cancelled"] == pytest.approx(0.924142, abs=1e-6)
    assert list(first["delay_band"]["probabilities"]) == ["early", "on time", "late", "very late"]
    assert first["delay_band"]["class"] == "very late"
    assert sum(first["delay_band"]["probabilities"].values()) == pytest.approx(1.0)


def test_the_model_describes_itself(client: TestClient, store: Store) -> None:
    content = client.get("/model").json()
    tag = store.champion("flights")
    assert tag is not None
    assert content["model"] == tag
    assert content["signature"] == json.loads((store.path(tag) / "signature.json").read_text())
    page = client.get("/").text
    assert tag in page
    assert '{"carrier": null, "distance": null, "is_holiday": null}' in page


def test_large_and_small_bodies_are_answered_alike(client: TestClient) -> None:
    rows = [{**ROW, "distance": float(place)} for place in range(1_000)]
    assert len(json.dumps(rows)) > INLINE_BODY
    large = client.post("/predict", json=rows).json()["predictions"]
    small = [client.post("/predict", json=[row]).json()["predictions"][0] for row in rows[:20]]
    assert len(large) == 1_000
    assert large[:20] == small


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
        ("POST", "/predict", json.dumps([ROW, {}]), 400, "row 1, field 'carrier': must be there"),
        ("POST", "/predict", json.dumps([{**ROW, "x": 1}]), 400, "row 0, field 'x': is not an input"),
        ("GET", "/predict", "", 405, "GET /predict is not served; POST /predict and GET /model are"),
        ("PUT", "/predict", "[]", 405, "PUT /predict is not served"),
        ("POST", "/model", "", 405, "POST /model is not served"),
        ("GET", "/predictions", "", 404, "GET /predictions is not served"),
        ("POST", "/", "", 405, "POST / is not served"),
        ("POST", "/predict/", "[]", 404, "POST /predict/ is not served"),
        ("GET", "/" + "x" * 5_000, "", 404, "is not served"),
        ("POST", "/readyz", "", 405, "POST /readyz is not served"),
        ("BREW" * 1_000, "/coffee", "", 404, "is not served"),
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
    client = TestClient(Entrance(build_app(LiveModel())))
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
    assert "the server's log says why" in answer.json()["error"]["message"]
    assert "secret" not in answer.text
    assert "a secret of the house" in caplog.text


def test_a_new_champion_is_taken_up_once(live: LiveModel, store: Store, export: Export) -> None:
    assert asyncio.run(live.refresh()) is False
    before = live.current
    tag = promote(store, export(bias=100.0))
    assert asyncio.run(live.refresh()) is True
    assert live.current is not None
    assert live.current is not before
    assert live.current.model.version == tag
    assert asyncio.run(live.refresh()) is False


@pytest.mark.parametrize("harm", ["graph", "pointer", "folder", "no pointer"])
def test_a_broken_champion_is_refused_and_the_old_one_goes_on(
    live: LiveModel, store: Store, export: Export, caplog: pytest.LogCaptureFixture, harm: str
) -> None:
    old = live.current
    assert old is not None
    pointer = store.home / "champions" / "flights.json"
    tag = promote(store, export(bias=100.0))
    if harm == "graph":
        (store.path(tag) / "model.onnx").write_bytes(b"broken")
    elif harm == "pointer":
        pointer.write_bytes(b"broken")
    elif harm == "folder":
        store.path(tag).rename(store.home / "gone")
    else:
        pointer.unlink()
    with caplog.at_level(logging.ERROR):
        assert asyncio.run(live.refresh()) is False
        assert asyncio.run(live.refresh()) is False
    assert live.current is old
    assert [f"{old.model.version} stays" in record.getMessage() for record in caplog.records] == [True]


def test_the_watch_sees_a_promotion_by_itself(
    live: LiveModel, store: Store, export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving.live, "POLL_SECONDS", 0.01)

    async def until_it_is_served(tag: str) -> None:
        watch = asyncio.create_task(live.watch())
        while live.current is None or live.current.model.version != tag:
            await asyncio.sleep(0.01)
        watch.cancel()

    tag = promote(store, export(bias=7.0))
    asyncio.run(asyncio.wait_for(until_it_is_served(tag), timeout=10))


def test_a_champion_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(NoChampionError, match="mtl retrain"):
        Served.champion(tmp_path, "flights")


@pytest.fixture
def environment(store: Store, export: Export, monkeypatch: pytest.MonkeyPatch) -> str:
    tag = promote(store, export())
    monkeypatch.setenv("BENTOML_HOME", str(store.home))
    monkeypatch.setenv("TRUNKLINE_MODEL", "flights")
    return tag


def test_the_bentoml_service_answers_and_keeps_its_own_pages(environment: str) -> None:
    with TestClient(Predict.to_asgi()) as client:
        assert client.post("/predict", json=[ROW]).json()["model"] == environment
        refusal = client.post("/predict", json=[{**ROW, "distance": True}])
        assert (refusal.status_code, refusal.json()["error"]["total"]) == (400, 1)
        for path in ("/healthz", "/livez", "/readyz", "/docs.json", "/schema.json", "/model"):
            assert client.get(path).status_code == 200, path
        assert "googletagmanager" not in client.get("/").text
        nowhere = client.get("/nowhere")
        assert (nowhere.status_code, nowhere.json()["error"]["total"]) == (404, 0)
        assert client.get("/predict").status_code == 405
        serving.service._live.close()
        assert client.get("/readyz").status_code == 503
        assert client.post("/predict", json=[ROW]).status_code == 503
        assert client.get("/livez").status_code == 200


def test_the_service_checks_its_champion_before_it_starts(
    environment: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    Predict.inner.check()
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path / "empty"))
    with pytest.raises(NoChampionError, match="mtl retrain"):
        Predict.inner.check()
    monkeypatch.delenv("TRUNKLINE_MODEL")
    with pytest.raises(ServingError, match="`mtl serve` sets both"):
        Predict.inner.check()


def test_only_what_is_served_reaches_bentoml_and_its_metrics() -> None:
    reached: list[tuple[str, str]] = []

    async def bento(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            reached.append((scope["method"], scope["path"]))
        await PlainTextResponse("")(scope, receive, send)

    client = TestClient(Entrance(bento))
    for method, path in (("GET", "/a"), ("GET", "/metrics/b"), ("GET", "/predict"), ("POST", "/metrics")):
        assert client.request(method, path).status_code in (404, 405)
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/predict"):
        pytest.fail("it is open")
    assert reached == []
    assert client.get("/metrics").status_code == client.head("/model").status_code == 200
    assert reached == [("GET", "/metrics"), ("HEAD", "/model")]
