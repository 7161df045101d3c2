"""Refused versions: stored with reasons, promoted only with overrule, which the pointer records."""

import json
from pathlib import Path

import pytest

from serving.champion import champion_file, read_champion, set_champion
from serving.errors import RefusedVersionError, StoreError
from serving.model import OnnxModel
from serving.refused import LOST_FILE
from serving.store import Store
from tests.serving.example_models import FAILED, Export, save, write_checks

LOSSES = ("air_time: mae 9.6, the champion's 9.4", "delayed: auc 0.6, the champion's 0.7")


@pytest.fixture
def lost(store: Store, export: Export) -> tuple[str, str]:
    """Tags of a champion and of a version that lost against it."""
    champion, candidate = save(store, export()), save(store, export(bias=1.0))
    store.promote(champion)
    store.refuse(candidate, champion, LOSSES)
    return champion, candidate


def test_a_version_with_failed_checks_needs_overrule(store: Store, export: Export) -> None:
    tag = save(store, export(passed=False))
    assert store.refusal(tag) == (FAILED["message"],)
    with pytest.raises(RefusedVersionError, match=r"(?s)cancelled\.auc: FAILED.*--overrule`$") as raised:
        store.promote(tag)
    assert raised.value.exit_code == 7
    assert store.champion("flights") is None
    assert store.promote(tag, overrule=True) == (FAILED["message"],)
    assert store.champion("flights") == tag
    OnnxModel.load(store.path(tag), version=tag)


def test_a_version_that_lost_a_comparison_needs_overrule(store: Store, lost: tuple[str, str]) -> None:
    champion, candidate = lost
    assert store.refusal(candidate) == tuple(f"against {champion}: {reason}" for reason in LOSSES)
    with pytest.raises(RefusedVersionError) as raised:
        store.promote(candidate)
    assert all(reason in str(raised.value) for reason in LOSSES)
    assert store.champion("flights") == champion


def test_failed_checks_precede_a_lost_comparison(store: Store, export: Export, lost: tuple[str, str]) -> None:
    champion, candidate = lost
    assert save(store, export(bias=1.0, passed=False)) == candidate
    assert store.refusal(candidate) == (FAILED["message"], *(f"against {champion}: {reason}" for reason in LOSSES))


def test_the_pointer_records_overruled_reasons(store: Store, lost: tuple[str, str]) -> None:
    champion, candidate = lost
    store.promote(candidate, overrule=True)
    store.promote(champion, overrule=True)  # nothing to overrule
    promotions = json.loads(champion_file(store.home, "flights").read_bytes())["promotions"]
    assert [promotion.get("overruled") for promotion in promotions] == [None, list(store.refusal(candidate)), None]
    assert (store.overruled(candidate), store.overruled(champion)) == (store.refusal(candidate), ())


def test_a_refused_version_needs_no_overrule_while_it_is_the_champion(store: Store, lost: tuple[str, str]) -> None:
    champion, candidate = lost
    store.promote(candidate, overrule=True)
    store.promote(candidate)
    store.promote(champion)
    with pytest.raises(RefusedVersionError):
        store.promote(candidate)


def test_an_accepted_version_is_not_refused(store: Store, lost: tuple[str, str]) -> None:
    store.accept(lost[1])
    assert store.refusal(lost[1]) == ()
    store.promote(lost[1])
    store.accept(lost[1])  # also if there is nothing to remove


@pytest.mark.parametrize("promoted", [False, True])
def test_saving_again_replaces_the_checks_except_passed_ones_of_the_champion(
    store: Store, export: Export, promoted: bool
) -> None:
    tag = save(store, export())
    if promoted:
        store.promote(tag)
    assert save(store, export(passed=False)) == tag
    assert bool(store.refusal(tag)) is not promoted
    assert save(store, export(passed=True)) == tag
    assert store.refusal(tag) == ()


@pytest.mark.parametrize(
    ("checks", "reasons"),
    [
        ([], ("checks.json says passed: false",)),
        ([{"name": "size", "passed": False}, {"name": "parity", "passed": True}], ("size: failed",)),
        ([FAILED, FAILED | {"name": "rare.auc", "outcome": "warning", "message": "not shown"}], (FAILED["message"],)),
    ],
    ids=["no entry", "entry without outcome", "warning"],
)
def test_failed_checks_are_reasons(
    store: Store, export: Export, checks: list[object], reasons: tuple[str, ...]
) -> None:
    folder = export(passed=False)
    write_checks(folder, passed=False, checks=checks)
    assert store.refusal(save(store, folder)) == reasons


@pytest.mark.parametrize("content", [b"", b"{}", b'{"champion": 1}', b"\xff"])
def test_a_damaged_record_of_a_lost_comparison_is_an_error(store: Store, lost: tuple[str, str], content: bytes) -> None:
    _, candidate = lost
    (store.path(candidate) / LOST_FILE).write_bytes(content)
    assert LOST_FILE in (store.damage(candidate) or "")
    with pytest.raises(StoreError, match=LOST_FILE):
        store.promote(candidate, overrule=True)


def test_a_pointer_without_overruled_reasons_is_read(tmp_path: Path) -> None:
    set_champion(tmp_path, "flights", "flights:a")
    assert "overruled" not in champion_file(tmp_path, "flights").read_text()
    assert not read_champion(tmp_path, "flights").promotions[0].overruled
