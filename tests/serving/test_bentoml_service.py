"""The BentoML service: its endpoints, its start, and the paths that reach BentoML."""

from pathlib import Path

import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect

import serving.service
from serving.app import PathGuard
from serving.errors import NoChampionError, ServingError
from serving.live import LiveModel
from serving.service import Predict
from serving.store import Store
from tests.serving.example_models import ROW, Export, promote


@pytest.fixture
def environment(store: Store, export: Export, monkeypatch: pytest.MonkeyPatch) -> str:
    tag = promote(store, export())
    monkeypatch.setenv("TRUNKLINE_STORE", str(store.home))
    monkeypatch.setenv("TRUNKLINE_MODEL", "flights")
    return tag


def test_the_service_has_its_endpoints_and_those_of_bentoml(environment: str) -> None:
    with TestClient(Predict.to_asgi()) as client:
        assert client.post("/predict", json=[ROW]).json()["model"] == environment
        response = client.post("/predict", json=[{**ROW, "distance": True}])
        assert (response.status_code, response.json()["error"]["total"]) == (400, 1)
        for path in ("/healthz", "/livez", "/readyz", "/docs.json", "/schema.json", "/model"):
            assert client.get(path).status_code == 200, path
        assert "googletagmanager" not in client.get("/").text
        response = client.get("/nowhere")
        assert (response.status_code, response.json()["error"]["total"]) == (404, 0)
        assert client.get("/predict").status_code == 405
        serving.service._live.close()
        assert client.get("/readyz").status_code == 503
        assert client.post("/predict", json=[ROW]).status_code == 503
        assert client.get("/livez").status_code == 200


def test_the_service_checks_its_champion_before_it_starts(
    environment: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    Predict.inner.check()
    monkeypatch.setenv("TRUNKLINE_STORE", str(tmp_path / "empty"))
    with pytest.raises(NoChampionError, match="mtl retrain"):
        Predict.inner.check()
    monkeypatch.delenv("TRUNKLINE_MODEL")
    with pytest.raises(ServingError, match="`mtl serve` sets both"):
        Predict.inner.check()


def test_only_requests_to_endpoints_reach_bentoml() -> None:
    passed_on: list[tuple[str, str]] = []

    async def bento(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            passed_on.append((scope["method"], scope["path"]))
        await PlainTextResponse("")(scope, receive, send)

    client = TestClient(PathGuard(bento, LiveModel()))
    for method, path in (("GET", "/a"), ("GET", "/metrics/b"), ("GET", "/predict"), ("POST", "/metrics")):
        assert client.request(method, path).status_code in (404, 405)
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/predict"):
        pytest.fail("it is open")
    assert passed_on == []
    assert client.get("/metrics").status_code == client.head("/model").status_code == 200
    assert passed_on == [("GET", "/metrics"), ("HEAD", "/model")]
