"""Retention: which versions are deleted, and deletion that a crash cannot leave half done."""

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from serving.champion import champion_file, write_atomically
from serving.decisions import decide_version
from serving.errors import DamagedError, NoVersionError
from serving.live import LiveModel
from serving.retention import PIN_FILE, is_pinned, pin, prune, unpin
from serving.store import Store
from tests.serving.example_models import Export, save

DAY = timedelta(days=1)


@pytest.fixture
def tags(store: Store, export: Export, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Six versions, newest first, which are 0, 10, ..., 50 days old."""
    tags = [save(store, export(bias=float(bias))) for bias in range(6)][::-1]
    now = datetime.now(UTC)
    ages = {tag: now - 10 * position * DAY for position, tag in enumerate(tags)}
    monkeypatch.setattr(Store, "created", lambda _self, tag: ages[tag])
    return tags


def deleted(store: Store, *, keep: int | None = None, max_age: timedelta | None = None) -> set[str]:
    return {old.version for old in prune(store, "flights", keep=keep, max_age=max_age)}


@pytest.mark.parametrize(
    ("keep", "max_age", "kept"),
    [(None, None, 6), (6, None, 6), (2, None, 2), (1, None, 1), (None, 25, 3), (None, 1, 1), (4, 15, 2), (2, 35, 2)],
)
def test_a_version_is_deleted_if_it_exceeds_a_limit(
    store: Store, tags: list[str], keep: int | None, max_age: int | None, kept: int
) -> None:
    age = max_age * DAY if max_age is not None else None
    would_be = prune(store, "flights", keep=keep, max_age=age, dry_run=True)
    assert store.versions("flights") == tags
    assert prune(store, "flights", keep=keep, max_age=age) == would_be
    assert store.versions("flights") == tags[:kept]
    assert [old.version for old in would_be] == tags[kept:]
    assert all("days old" in old.reason or "newest" in old.reason for old in would_be)


def test_champion_previous_pinned_waiting_and_newest_are_never_deleted(store: Store, tags: list[str]) -> None:
    newest, *others, waiting, previous, champion, pinned = tags
    store.promote(previous)
    store.promote(champion)
    pin(store, pinned)
    decide_version(store, waiting, "waiting", champion=champion, reasons=())
    assert deleted(store, keep=1, max_age=DAY) == set(others)
    assert set(store.versions("flights")) == {newest, waiting, previous, champion, pinned}
    unpin(store, pinned)
    unpin(store, pinned)
    assert deleted(store, keep=1) == {pinned}


def test_versions_of_other_models_are_not_deleted(store: Store, tags: list[str], export: Export) -> None:
    other = store.home / "models" / "census"
    shutil.copytree(store.path(tags[0]), other / "1234")
    deleted(store, keep=1)
    assert [folder.name for folder in other.iterdir()] == ["1234"]


def test_a_damaged_pin_protects_too(store: Store, tags: list[str]) -> None:
    (store.path(tags[-1]) / PIN_FILE).write_bytes(b"\xff")
    assert is_pinned(store, tags[-1])
    assert tags[-1] not in deleted(store, keep=1)


def test_an_unknown_version_cannot_be_pinned(store: Store) -> None:
    for change in (pin, unpin):
        with pytest.raises(NoVersionError):
            change(store, "flights:0000")


def test_nothing_is_deleted_while_the_pointer_is_broken(store: Store, tags: list[str]) -> None:
    write_atomically(champion_file(store.home, "flights"), b"{")
    with pytest.raises(DamagedError):
        deleted(store, keep=1)
    assert store.versions("flights") == tags


@pytest.mark.parametrize("point", ["rename", "remove"])
def test_a_crash_while_deleting_leaves_whole_versions(
    store: Store, tags: list[str], monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    def crash(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os if point == "rename" else shutil, "replace" if point == "rename" else "rmtree", crash)
        with pytest.raises(KeyboardInterrupt):
            deleted(store, keep=1)
    remaining = store.versions("flights")
    assert set(tags) - set(remaining) <= {tags[1]}
    assert {store.damage(tag) for tag in remaining} == {None}
    deleted(store, keep=1)
    assert store.versions("flights") == tags[:1]
    assert list((store.home / "deleted").iterdir()) == []


def test_a_service_answers_with_a_version_that_is_deleted(store: Store, tags: list[str]) -> None:
    store.promote(tags[-1])
    live = LiveModel()
    live.open(store.home, "flights")
    store.promote(tags[1])
    store.promote(tags[0])
    assert tags[-1] in deleted(store, keep=2)
    assert live.current is not None
    assert tags[-1].encode() in live.current.respond(b'[{"carrier": "AA", "distance": 1.5, "is_holiday": null}]')


def test_a_version_can_be_saved_again_after_its_deletion(store: Store, export: Export) -> None:
    first = save(store, export())
    save(store, export(bias=1.0))
    assert deleted(store, keep=1) == {first}
    assert save(store, export()) == first
    assert store.damage(first) is None


def test_the_name_latest_of_bentoml_stays_valid(store: Store, tags: list[str]) -> None:
    deleted(store, keep=1)
    latest: Path = store.home / "models" / "flights" / "latest"
    assert f"flights:{latest.read_text()}" == tags[0]
