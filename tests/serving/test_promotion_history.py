"""History of the champion: a reason per change, changes at once, and crashes between steps."""

import os
import threading
from datetime import UTC, datetime, timedelta

import pytest

from serving.aliases import previous
from serving.errors import NoVersionError
from serving.store import Store
from tests.serving.example_models import Export, save


def test_the_history_has_the_reason_of_each_change(store: Store, export: Export) -> None:
    first, second = save(store, export()), save(store, export(bias=1.0))
    store.promote(first, reason="retrain")
    store.promote(second)
    store.promote(second, reason="not a change")
    store.promote(first, reason="rollback: too many delays")
    changes = [(change.after, change.reason or None) for change in store.promotions("flights")]
    assert changes == [(first, "retrain"), (second, None), (first, "rollback: too many delays")]
    assert datetime.now(UTC) - store.promotions("flights")[-1].at < timedelta(hours=1)


def test_promotions_at_once_leave_a_history_without_gaps(store: Store, export: Export) -> None:
    tags = [save(store, export(bias=float(bias))) for bias in range(4)]
    threads = [
        threading.Thread(target=lambda tag=tag: [store.promote(tag) for _ in range(3)])  # type: ignore[misc]  # a default binds the tag
        for tag in tags
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    changes = store.promotions("flights")
    assert [change.before for change in changes] == [None, *(change.after for change in changes[:-1])]
    assert (store.champion("flights"), previous(store, "flights")) == (changes[-1].after, changes[-1].before)


def test_a_promotion_waits_for_a_deletion_and_is_refused_after_it(store: Store, export: Export) -> None:
    tag = save(store, export())
    errors: list[Exception] = []

    def promote() -> None:
        try:
            store.promote(tag)
        except NoVersionError as error:
            errors.append(error)

    with store.locked(tag):
        promotion = threading.Thread(target=promote)
        promotion.start()
        promotion.join(0.2)
        assert promotion.is_alive()
        store.path(tag).rename(store.home / "elsewhere")
    promotion.join(10)
    assert len(errors) == 1
    assert store.champion("flights") is None


@pytest.mark.parametrize("writes", range(4))
def test_a_kill_while_a_version_is_saved_again_leaves_nothing_that_can_be_promoted_wrongly(
    store: Store, export: Export, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    """The repair of a damaged version ends after some of its files; the next save completes it."""
    tag = save(store, export())
    for file in ("model.onnx", "signature.json"):
        (store.path(tag) / file).write_bytes(b"damaged")
    replace, calls = os.replace, iter(range(writes))

    def killed(source: str, target: str) -> None:
        if next(calls, None) is None:
            raise KeyboardInterrupt
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killed)
        try:
            save(store, export())
        except KeyboardInterrupt:
            assert writes < 3
    assert (store.damage(tag) is None) is (writes >= 2)
    assert not list(store.path(tag).glob(".*"))
    save(store, export())
    assert store.damage(tag) is None
    store.promote(tag)
