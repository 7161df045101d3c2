"""Refused versions: kept with their reasons, promoted by overruling alone, and the pointer remembers that."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from serving.champion import champion_file, read_champion, set_champion
from serving.errors import RefusedVersionError, StoreError
from serving.model import OnnxModel
from serving.refused import LOST_FILE
from serving.store import Store
from tests.serving.example_models import FAILED, save

Export = Callable[..., Path]

LOSS = ("air_time: mae 9.6, the champion's 9.4", "delayed: auc 0.6, the champion's 0.7")


@pytest.fixture
def lost(store: Store, export: Export) -> tuple[str, str]:
    """A champion, and a version that lost against it."""
    champion, candidate = save(store, export()), save(store, export(bias=1.0))
    store.promote(champion)
    store.refuse(candidate, champion, LOSS)
    return champion, candidate


def test_a_version_whose_checks_failed_is_kept_as_refused(store: Store, export: Export) -> None:
    tag = save(store, export(passed=False))
    assert store.refusal(tag) == (FAILED["words"],)
    with pytest.raises(
        RefusedVersionError, match=r"(?s)found it refused:\n  cancelled\.auc: FAILED.*--overrule`$"
    ) as caught:
        store.promote(tag)
    assert caught.value.exit_code == 7
    assert store.champion("flights") is None
    assert store.promote(tag, overrule=True) == (FAILED["words"],)
    assert store.champion("flights") == tag
    OnnxModel.load(store.path(tag), version=tag)


def test_a_lost_comparison_is_kept_with_its_reasons(store: Store, lost: tuple[str, str]) -> None:
    champion, candidate = lost
    assert store.refusal(candidate) == tuple(f"against {champion}: {reason}" for reason in LOSS)
    with pytest.raises(RefusedVersionError) as caught:
        store.promote(candidate)
    assert all(reason in str(caught.value) for reason in LOSS)
    assert store.champion("flights") == champion


def test_both_sorts_of_reasons_are_named(store: Store, export: Export, lost: tuple[str, str]) -> None:
    champion, candidate = lost
    assert save(store, export(bias=1.0, passed=False)) == candidate
    assert store.refusal(candidate) == (FAILED["words"], *(f"against {champion}: {reason}" for reason in LOSS))


def test_the_pointer_records_what_was_overruled_and_only_that(store: Store, lost: tuple[str, str]) -> None:
    champion, candidate = lost
    store.promote(candidate, overrule=True)
    store.promote(champion, overrule=True)  # nothing to overrule
    steps = json.loads(champion_file(store.home, "flights").read_bytes())["promotions"]
    assert [step.get("overruled") for step in steps] == [None, list(store.refusal(candidate)), None]
    assert (store.overruled(candidate), store.overruled(champion)) == (store.refusal(candidate), ())


def test_a_refused_champion_may_be_promoted_again_and_a_rollback_to_it_asks(
    store: Store, lost: tuple[str, str]
) -> None:
    champion, candidate = lost
    store.promote(candidate, overrule=True)
    store.promote(candidate)  # as where a service is to try again to load it
    store.promote(champion)
    with pytest.raises(RefusedVersionError):
        store.promote(candidate)


def test_a_version_that_wins_later_is_not_refused_any_more(store: Store, lost: tuple[str, str]) -> None:
    store.accept(lost[1])
    assert store.refusal(lost[1]) == ()
    store.promote(lost[1])
    store.accept(lost[1])  # also where there is nothing to remove


@pytest.mark.parametrize("promoted", [False, True])
def test_saving_again_renews_the_checks_unless_the_champion_would_lose_its_own(
    store: Store, export: Export, promoted: bool
) -> None:
    tag = save(store, export())
    if promoted:
        store.promote(tag)
    assert save(store, export(passed=False)) == tag
    assert bool(store.refusal(tag)) is not promoted
    assert save(store, export(passed=True)) == tag
    assert store.refusal(tag) == ()


def test_a_version_that_is_not_whole_cannot_be_overruled(store: Store, export: Export) -> None:
    tag = save(store, export(passed=False))
    (store.path(tag) / "model.onnx").write_bytes(b"something else")
    with pytest.raises(StoreError, match="files are damaged"):
        store.promote(tag, overrule=True)
    assert store.champion("flights") is None


@pytest.mark.parametrize(
    ("checks", "reasons"),
    [
        ([], ("checks.json says passed: false",)),
        ([{"name": "size", "passed": False}, {"name": "parity", "passed": True}], ("size: failed",)),
        ([FAILED, FAILED | {"name": "rare.auc", "outcome": "warning", "words": "not shown"}], (FAILED["words"],)),
    ],
    ids=["no entry", "of a version without outcomes", "a warning is no reason"],
)
def test_reasons_of_any_checks(store: Store, export: Export, checks: list[object], reasons: tuple[str, ...]) -> None:
    folder = export(passed=False)
    (folder / "checks.json").write_text(json.dumps({"passed": False, "checks": checks}))
    assert store.refusal(save(store, folder)) == reasons


@pytest.mark.parametrize("content", [b"", b"{}", b'{"champion": 1}', b"\xff"])
def test_a_damaged_record_of_a_loss_is_named(store: Store, lost: tuple[str, str], content: bytes) -> None:
    _, candidate = lost
    (store.path(candidate) / LOST_FILE).write_bytes(content)
    assert LOST_FILE in (store.damage(candidate) or "")
    with pytest.raises(StoreError, match=LOST_FILE):
        store.promote(candidate, overrule=True)


def test_a_pointer_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    set_champion(tmp_path, "flights", "flights:a")
    assert "overruled" not in champion_file(tmp_path, "flights").read_text()
    assert not read_champion(tmp_path, "flights").promotions[0].overruled
