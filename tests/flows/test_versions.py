"""`mtl models`, `promote` and `rollback` on a store of small graphs."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from flows.retrain.tasks import delete_old_versions
from mtl_core.errors import ProblemError
from serving.errors import DamagedError, StoreError
from serving.provenance import CodeRevision, ModelProvenance, PinnedData
from serving.refused import CHECKS_FILE
from serving.store import Store
from tests.flows.conftest import mtl
from tests.serving.example_models import FAILED, SIGNATURE, graph, write

COMMIT, HASH = "a" * 40, "0" * 32 + ".dir"
PARAMS = "name: tiny\n"


@pytest.fixture
def folder(tmp_path: Path, tools: None) -> Path:
    (tmp_path / "params.yaml").write_text(PARAMS)
    return tmp_path


@pytest.fixture
def store(folder: Path) -> Store:
    """The store of that folder."""
    return Store(folder / ".trunkline" / "bentoml")


@pytest.fixture
def tags(folder: Path, store: Store) -> list[str]:
    """Three versions, oldest first; the last has no provenance."""
    return [add(store, folder, bias) for bias in range(3)]


def add(store: Store, folder: Path, bias: int, *, passed: bool = True) -> str:
    model = write(folder / f"model-{bias}", graph(bias=float(bias)), SIGNATURE | {"name": "tiny"}, passed=passed)
    provenance = ModelProvenance(
        created=datetime.now(UTC), data=PinnedData(hash=HASH), code=CodeRevision(revision=COMMIT, changed=("a.py",))
    )
    return store.save(model=model, checks=model / CHECKS_FILE, provenance=None if bias == 2 else provenance)


def models(folder: Path, capfd: pytest.CaptureFixture[str], *arguments: str) -> Any:
    capfd.readouterr()
    assert mtl(folder, "models", *arguments, "--json") == 0
    return json.loads(capfd.readouterr().out)


def test_each_version_has_its_status_and_origin(
    folder: Path, store: Store, tags: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    refused = add(store, folder, 3, passed=False)
    newest = add(store, folder, 4)
    for tag in tags[:2]:
        assert mtl(folder, "promote", tag) == 0
    listed = {model["version"]: model for model in models(folder, capfd)}
    assert [model["version"] for model in models(folder, capfd, "list")] == list(listed)
    expected = dict(zip([*tags, refused, newest], ["previous", "champion", "stored", "refused", "stored"], strict=True))
    assert {tag: model["status"] for tag, model in listed.items()} == expected
    assert listed[refused]["refused"] == [FAILED["message"]]
    origins = {(m["data"], m["git"], tuple(m["changed"] or ())) for tag, m in listed.items() if tag != tags[2]}
    assert origins == {(HASH, COMMIT, ("a.py",))}
    assert (listed[tags[2]]["data"], listed[tags[2]]["git"]) == (None, None)
    assert all(0 <= model["age_seconds"] < 3_600 and not model["pinned"] for model in listed.values())


def test_a_rollback_returns_to_the_previous_champion_and_a_second_one_undoes_it(
    folder: Path, store: Store, tags: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    first, second, _ = tags
    assert mtl(folder, "promote", first) == 0
    assert mtl(folder, "promote", second.partition(":")[2][:8], "--reason", "by night") == 0
    capfd.readouterr()
    assert mtl(folder, "rollback", "--reason", "too many delays") == 0
    assert capfd.readouterr().out == f"{first} is the champion; previous champion: {second}\n"
    assert mtl(folder, "rollback") == 0
    assert store.champion("tiny") == second
    reasons = ["promoted by hand", "by night", "rollback: too many delays", "rollback"]
    assert [promotion.reason for promotion in store.promotions("tiny")] == reasons
    history = models(folder, capfd, "show", "champion")["history"]
    assert [(change["to"], change["reason"]) for change in history] == list(
        zip([second, first, second], reasons[1:], strict=True)
    )


def test_a_rollback_without_a_previous_champion_is_an_error(
    folder: Path, tags: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert mtl(folder, "rollback") == StoreError.exit_code
    assert "no previous: the champion was never replaced" in capfd.readouterr().err
    mtl(folder, "promote", tags[0])
    assert mtl(folder, "rollback") == StoreError.exit_code


@pytest.mark.parametrize("damage", ["graph", "folder", "pointer"])
def test_a_rollback_to_damaged_files_is_an_error_that_changes_nothing(
    folder: Path, store: Store, tags: list[str], capfd: pytest.CaptureFixture[str], damage: str
) -> None:
    for tag in tags[:2]:
        mtl(folder, "promote", tag)
    pointer = store.home / "champions" / "tiny.json"
    code, words = StoreError.exit_code, "files are damaged"
    if damage == "graph":
        (store.path(tags[0]) / "model.onnx").write_bytes(b"")
    elif damage == "folder":
        shutil.rmtree(store.path(tags[0]))
        words = "no longer in the store"
    else:
        pointer.write_bytes(pointer.read_bytes()[:-20])
        code, words = DamagedError.exit_code, "must point to a version"
    before = pointer.read_bytes()
    capfd.readouterr()
    assert mtl(folder, "rollback") == code
    assert words in capfd.readouterr().err
    assert pointer.read_bytes() == before


def test_a_rollback_overrules_a_refusal_and_says_so(
    folder: Path, store: Store, tags: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    """The version served before; its gates became stricter since."""
    for tag in tags[:2]:
        mtl(folder, "promote", tag)
    assert add(store, folder, 0, passed=False) == tags[0]
    capfd.readouterr()
    assert mtl(folder, "rollback") == 0
    assert f"overruled: {FAILED['message']}" in capfd.readouterr().out
    assert store.promotions("tiny")[-1].overruled == (FAILED["message"],)


def test_damaged_provenance_hides_no_version(
    folder: Path, store: Store, tags: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    (store.path(tags[0]) / "provenance.json").write_bytes(b'{"format": 1')
    assert mtl(folder, "models") == 0
    assert f"{tags[0]} cannot be reproduced: " in capfd.readouterr().out
    for version in tags:
        assert mtl(folder, "models", "show", version) == 0
    assert mtl(folder, "reproduce", tags[0]) == StoreError.exit_code


def test_limits_come_from_the_options_or_from_params(
    folder: Path, store: Store, tags: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert mtl(folder, "models", "prune") == ProblemError.exit_code
    assert "a limit is required" in capfd.readouterr().err
    assert mtl(folder, "models", "prune", "--max-age", "soon") == ProblemError.exit_code
    assert "max_age: must be a whole number of" in capfd.readouterr().err
    assert mtl(folder, "models", "pin", tags[0][:9]) == 0
    would_be = models(folder, capfd, "prune", "--keep", "1", "--dry-run")
    assert [(old["version"], old["deleted"]) for old in would_be] == [(tags[1], False)]
    (folder / "params.yaml").write_text(PARAMS + "store: {keep: 1}\n")
    assert mtl(folder, "models", "prune") == 0
    assert capfd.readouterr().out == f"{tags[1]} deleted: not among the newest 1\ntiny: 1 deleted, 2 kept\n"
    assert mtl(folder, "models", "unpin", tags[0]) == 0
    (folder / "params.yaml").write_text(PARAMS + "store: {keeps: 1}\n")
    assert mtl(folder, "models", "prune") == ProblemError.exit_code
    assert mtl(folder, "models", "prune", "--keep", "1") == 0
    assert store.versions("tiny") == tags[2:]


def test_a_retrain_deletes_versions_beyond_declared_limits_only(
    tiny_problem: Path, folder: Path, store: Store, tags: list[str]
) -> None:
    declared = (tiny_problem / "params.yaml").read_text(encoding="utf-8")
    for section, deleted in (("", ()), ("store: {max_age: 1 week}\n", ()), ("store: {keep: 2}\n", (tags[0],))):
        (folder / "params.yaml").write_text(declared + section, encoding="utf-8")
        assert delete_old_versions.fn(folder) == deleted
    assert store.versions("tiny") == tags[:0:-1]
