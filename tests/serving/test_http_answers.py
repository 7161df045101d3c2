"""The service over HTTP, in this process: what is answered."""

import json
import re

import pytest
from starlette.testclient import TestClient

from serving.app import INLINE_BODY
from serving.store import Store
from tests.serving.example_models import ROW


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


def test_the_page_shows_a_body_and_its_answer(client: TestClient, store: Store) -> None:
    page = client.get("/").text
    tag = store.champion("flights")
    (body,) = re.findall(r"\[\{.*carrier.*", page)
    assert json.loads(body) == [dict.fromkeys(ROW)]
    (answer,) = re.findall(r'\{"model".*', page)
    asked = client.post("/predict", json=[ROW]).json()
    assert json.loads(answer) == {"model": tag, "predictions": [emptied(asked["predictions"][0])]}


def emptied(value: object) -> object:
    """The same with null for every number and every name."""
    return {key: emptied(inner) for key, inner in value.items()} if isinstance(value, dict) else None


def test_large_and_small_bodies_are_answered_alike(client: TestClient) -> None:
    rows = [{**ROW, "distance": float(place)} for place in range(1_000)]
    assert len(json.dumps(rows)) > INLINE_BODY
    large = client.post("/predict", json=rows).json()["predictions"]
    small = [client.post("/predict", json=[row]).json()["predictions"][0] for row in rows[:20]]
    assert len(large) == 1_000
    assert large[:20] == small
