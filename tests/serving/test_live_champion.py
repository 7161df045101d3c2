"""How a new champion is taken up while the old one is served."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest

import serving.live
from serving.errors import NoChampionError
from serving.live import LiveModel, Served
from tests.serving.made import promote

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from serving.store import Store

    Export = Callable[..., Path]


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
