"""Replacement of the served champion."""

import asyncio
import logging
import os

import pytest
from starlette.testclient import TestClient

import serving.live
from serving.champion import read_load_failure
from serving.live import LiveModel
from serving.store import Store
from tests.serving.example_models import Export, promote


def test_a_promoted_champion_is_loaded_once(live: LiveModel, store: Store, export: Export) -> None:
    assert asyncio.run(live.refresh()) is False
    before = live.current
    tag = promote(store, export(bias=100.0))
    assert asyncio.run(live.refresh()) is True
    assert live.current is not None
    assert live.current is not before
    assert live.current.model.version == tag
    assert asyncio.run(live.refresh()) is False


@pytest.mark.parametrize("damage", ["graph", "pointer", "folder", "no pointer"])
def test_a_damaged_champion_does_not_replace_the_served_one(
    live: LiveModel, store: Store, export: Export, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    served = live.current
    assert served is not None
    pointer = store.home / "champions" / "flights.json"
    tag = promote(store, export(bias=100.0))
    if damage == "graph":
        (store.path(tag) / "model.onnx").write_bytes(b"broken")
    elif damage == "pointer":
        pointer.write_bytes(b"broken")
    elif damage == "folder":
        store.path(tag).rename(store.home / "gone")
    else:
        pointer.unlink()
    with caplog.at_level(logging.ERROR):
        assert asyncio.run(live.refresh()) is False
        assert asyncio.run(live.refresh()) is False
    assert live.current is served
    assert [f"{served.model.version} stays" in record.getMessage() for record in caplog.records] == [True]


@pytest.mark.parametrize("repair", ["files", "promoted again", "another version"])
def test_a_champion_is_loaded_after_its_files_or_the_promotion_change(
    live: LiveModel, store: Store, export: Export, client: TestClient, repair: str
) -> None:
    assert live.current is not None
    old = live.current.model.version
    assert client.get("/readyz").json() == {"model": old, "load_failure": None}
    tag = promote(store, export(bias=100.0))
    graph = store.path(tag) / "model.onnx"
    content = graph.read_bytes()
    graph.write_bytes(b"broken")
    assert asyncio.run(live.refresh()) is False
    ready = client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["model"] == old
    assert ready.json()["load_failure"]["champion"] == tag
    assert "SHA-256" in ready.json()["load_failure"]["reason"]
    failure = read_load_failure(store.home, "flights")
    assert failure is not None
    assert (failure.champion, failure.serving) == (tag, old)

    graph.write_bytes(content)
    if repair == "promoted again":
        os.utime(graph, ns=(0, 0))
        live._files = live._champion_files()  # as if they were read since
        assert asyncio.run(live.refresh()) is False
        store.promote(tag)
    elif repair == "another version":
        graph.write_bytes(b"broken")
        assert asyncio.run(live.refresh()) is False
        tag = promote(store, export(bias=3.0))
    assert asyncio.run(live.refresh()) is True
    assert client.get("/readyz").json() == {"model": tag, "load_failure": None}
    assert read_load_failure(store.home, "flights") is None
    assert asyncio.run(live.refresh()) is False


def test_a_failure_to_load_need_not_be_recorded(
    live: LiveModel, store: Store, export: Export, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(serving.live, "write_load_failure", full)
    monkeypatch.setattr(serving.live, "clear_load_failure", full)
    tag = promote(store, export(bias=100.0))
    graph = store.path(tag) / "model.onnx"
    content = graph.read_bytes()
    graph.write_bytes(b"broken")
    assert asyncio.run(live.refresh()) is False
    assert live.load_failure is not None
    graph.write_bytes(content)
    assert asyncio.run(live.refresh()) is True
    assert live.load_failure is None
    assert sum("No space left" in record.getMessage() for record in caplog.records) == 2


def test_a_store_that_cannot_be_reached_does_not_end_the_watch(
    live: LiveModel, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise OSError("Stale file handle")

    served, moved = live.current, store.home.rename(store.home.with_name("elsewhere"))
    with monkeypatch.context() as patched:
        patched.setattr(serving.live, "Store", fail)
        (store.home / "champions").mkdir(parents=True)
        (store.home / "champions" / "flights.json").write_bytes((moved / "champions" / "flights.json").read_bytes())
        assert asyncio.run(live.refresh()) is False
        assert live.load_failure is not None
        assert asyncio.run(live.refresh()) is False
    assert live.current is served


def test_promoting_the_champion_again_changes_nothing(live: LiveModel, store: Store) -> None:
    assert live.current is not None
    store.promote(live.current.model.version)
    assert asyncio.run(live.refresh()) is False
    assert len(store.promotions("flights")) == 1


def test_the_watch_loads_a_promoted_champion(
    live: LiveModel, store: Store, export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving.live, "POLL_SECONDS", 0.01)

    async def wait_until_served(tag: str) -> None:
        watch = asyncio.create_task(live.watch())
        while live.current is None or live.current.model.version != tag:
            await asyncio.sleep(0.01)
        watch.cancel()

    tag = promote(store, export(bias=7.0))
    asyncio.run(asyncio.wait_for(wait_until_served(tag), timeout=10))
