"""Decisions about versions in the store: kept, waiting for approval, superseded."""

import pytest

from serving.decisions import DECISION_FILE, decide_version, decision_of, waiting_version, waiting_versions
from serving.errors import NoVersionError, StoreError
from serving.store import Store
from tests.serving.example_models import Export, save


def wait(store: Store, tag: str, champion: str | None = None) -> None:
    decide_version(store, tag, "waiting", champion=champion, reasons=("better",), flow_run="f")


def test_a_decision_is_stored_with_the_version_and_voids_a_refusal(store: Store, export: Export) -> None:
    champion, tag = save(store, export()), save(store, export(bias=1.0))
    assert decision_of(store, tag) is None
    store.refuse(tag, champion, ("worse",))
    decide_version(store, tag, "kept", champion=champion, reasons=("no better",))
    decision = decision_of(store, tag)
    assert decision is not None
    assert (decision.outcome, decision.champion, decision.reasons) == ("kept", champion, ("no better",))
    assert store.refusal(tag) == ()
    store.refuse(tag, champion, ("worse",))
    assert decision_of(store, tag) is None


def test_only_the_newest_version_waits(store: Store, export: Export) -> None:
    first, second = save(store, export()), save(store, export(bias=1.0))
    with pytest.raises(NoVersionError, match="no version waits for approval"):
        waiting_version(store, "flights")
    wait(store, first)
    wait(store, first)
    assert waiting_version(store, "flights")[0] == first
    wait(store, second)
    assert waiting_versions(store, "flights") == [second]
    superseded = decision_of(store, first)
    assert superseded is not None
    assert (superseded.outcome, superseded.flow_run) == ("superseded", "f")
    assert second in superseded.reasons[0]
    with pytest.raises(NoVersionError, match=r"must wait for approval, but it is superseded; .*mtl promote"):
        waiting_version(store, "flights", first)


def test_a_promotion_by_hand_ends_the_wait(store: Store, export: Export) -> None:
    tag = save(store, export())
    wait(store, tag)
    store.promote(tag)
    with pytest.raises(NoVersionError, match="does not wait and is the champion"):
        waiting_version(store, "flights", tag)


def test_a_refused_version_does_not_wait(store: Store, export: Export) -> None:
    tag = save(store, export())
    wait(store, tag)
    store.refuse(tag, "flights:x", ("worse",))
    with pytest.raises(NoVersionError, match="is refused"):
        waiting_version(store, "flights", tag)


@pytest.mark.parametrize("content", [b"", b"{}", b'{"outcome": "other"}', b"\xff"])
def test_a_broken_record_is_named_and_waits_for_nothing(store: Store, export: Export, content: bytes) -> None:
    tag = save(store, export())
    (store.path(tag) / DECISION_FILE).write_bytes(content)
    assert waiting_versions(store, "flights") == []
    with pytest.raises(StoreError, match=r"decision.json: must be the record of a decision"):
        decision_of(store, tag)


def test_an_unknown_version_has_no_decision(store: Store) -> None:
    with pytest.raises(NoVersionError):
        decide_version(store, "flights:x", "kept", champion=None, reasons=())
