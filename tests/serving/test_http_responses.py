"""Responses over HTTP, in this process."""

import json
import re

import pytest
from starlette.testclient import TestClient

from serving.app import INLINE_BODY
from serving.store import Store
from tests.serving.example_models import ROW, with_nulls


def test_every_row_has_a_prediction_of_every_task(client: TestClient, store: Store) -> None:
    response = client.post("/predict", json=[ROW, {**ROW, "carrier": "UA", "is_holiday": True}])
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    content = response.json()
    assert content["model"] == store.champion("flights")
    first, second = content["predictions"]
    assert list(first) == ["cancelled", "delay_band", "arr_delay"]
    assert (first["arr_delay"], second["arr_delay"]) == (2.5, 13.5)
    assert first["cancelled"] == pytest.approx(0.924142, abs=1e-6)
    assert list(first["delay_band"]["probabilities"]) == ["early", "on time", "late", "very late"]
    assert first["delay_band"]["class"] == "very late"
    assert sum(first["delay_band"]["probabilities"].values()) == pytest.approx(1.0)


def test_model_has_the_version_and_the_signature(client: TestClient, store: Store) -> None:
    content = client.get("/model").json()
    tag = store.champion("flights")
    assert tag is not None
    assert content["model"] == tag
    assert content["signature"] == json.loads((store.path(tag) / "signature.json").read_text())


def test_the_page_shows_a_body_and_its_response(client: TestClient, store: Store) -> None:
    page = client.get("/").text
    tag = store.champion("flights")
    (body,) = re.findall(r"\[\{.*carrier.*", page)
    assert json.loads(body) == [dict.fromkeys(ROW)]
    (response,) = re.findall(r'\{"model".*', page)
    predictions = client.post("/predict", json=[ROW]).json()["predictions"]
    assert json.loads(response) == {"model": tag, "predictions": with_nulls(predictions)}


def test_large_and_small_bodies_have_the_same_predictions(client: TestClient) -> None:
    rows = [{**ROW, "distance": float(index)} for index in range(1_000)]
    assert len(json.dumps(rows)) > INLINE_BODY
    large = client.post("/predict", json=rows).json()["predictions"]
    small = [client.post("/predict", json=[row]).json()["predictions"][0] for row in rows[:20]]
    assert len(large) == 1_000
    assert large[:20] == small
