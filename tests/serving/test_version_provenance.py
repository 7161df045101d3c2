"""Provenance of versions, and checks that are bound to the bytes that were checked."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from serving.errors import NoVersionError, ServingError, StoreError
from serving.live import ServedModel
from serving.provenance import PROVENANCE_FILE, CodeRevision, Experiment, ModelProvenance, PinnedData, read_provenance
from serving.store import Store
from tests.serving.example_models import Export, save, write_checks

COMMIT, OTHER = "a" * 40, "b" * 40
DATA = PinnedData(hash="0" * 32 + ".dir", files={"a.csv": "1" * 32})


def provenance(hour: int = 0, **fields: Any) -> ModelProvenance:
    code = {"code": CodeRevision(revision=COMMIT)}
    return ModelProvenance(created=datetime(2026, 1, 1, hour, tzinfo=UTC), **{"data": DATA, **code, **fields})


def save_with(store: Store, model: Path, saved: ModelProvenance | None) -> str:
    return store.save(model=model, checks=model / "checks.json", provenance=saved)


def test_a_version_keeps_its_provenance(store: Store, export: Export) -> None:
    tag = save_with(store, export(), provenance(files={"params.yaml": "name: flights\n"}))
    assert store.provenance(tag) == provenance(files={"params.yaml": "name: flights\n"})
    assert store.provenance(save(store, export(bias=1.0))) is None


DIRTY = CodeRevision(revision=OTHER, changed=("params.yaml",))


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        pytest.param(provenance(), provenance(1, seed=1), "first", id="equally complete"),
        pytest.param(provenance(code=DIRTY), provenance(1), "second", id="a clean tree replaces changed files"),
        pytest.param(provenance(), provenance(1, code=DIRTY), "first", id="changed files do not replace a clean tree"),
        pytest.param(provenance(code=None), provenance(1, code=DIRTY), "second", id="a commit replaces none"),
        pytest.param(provenance(data=None), provenance(1), "second", id="a data hash replaces none"),
        pytest.param(None, provenance(1), "second", id="an earlier Trunkline saved none"),
        pytest.param(provenance(), None, "first", id="none replaces none"),
    ],
)
def test_saving_the_same_bytes_again_keeps_the_first_provenance_unless_it_is_less_complete(
    store: Store, export: Export, first: ModelProvenance | None, second: ModelProvenance | None, kept: str
) -> None:
    tag = save_with(store, export(), first)
    assert save_with(store, export(), second) == tag
    expected = {"first": first, "second": second}[kept]
    assert expected is not None
    created = first.created if first else expected.created
    assert store.provenance(tag) == msgspec.structs.replace(expected, created=created)


def test_an_experiment_is_added_to_the_provenance_of_its_commit(store: Store, export: Export) -> None:
    tag = save_with(store, export(), provenance())
    experiment = Experiment(name="flights-1", revision=OTHER)
    store.add_experiment(tag, experiment, parent=OTHER)
    assert store.provenance(tag) == provenance()
    store.add_experiment(tag, experiment, parent=COMMIT)
    assert store.provenance(tag) == provenance(code=CodeRevision(revision=COMMIT, experiment=experiment))
    without = save(store, export(bias=1.0))
    store.add_experiment(without, experiment, parent=COMMIT)
    assert store.provenance(without) is None
    with pytest.raises(NoVersionError):
        store.add_experiment("flights:0000", experiment, parent=COMMIT)


def damaged(**change: Any) -> bytes:
    return json.dumps(msgspec.to_builtins(provenance()) | change).encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b"{}",
        damaged(format=2),
        damaged(files={"../outside": ""}),
        damaged(files={"gx/expectations/../../x.json": ""}),
        damaged(files={"/etc/passwd": ""}),
        damaged(files={"dvc.yaml\n": ""}),
        damaged(code={"revision": "--upload-pack=x"}),
        damaged(code={"revision": COMMIT, "folder": "/tmp"}),
        damaged(code={"revision": COMMIT, "folder": "a/../.."}),
        damaged(data={"hash": "../../x"}),
    ],
)
def test_damaged_provenance_is_an_error_that_does_not_stop_serving(
    store: Store, export: Export, content: bytes
) -> None:
    tag = save_with(store, export(), provenance())
    (store.path(tag) / PROVENANCE_FILE).write_bytes(content)
    with pytest.raises(StoreError, match=f"{PROVENANCE_FILE}: must be"):
        store.provenance(tag)
    store.promote(tag)
    ServedModel.champion(store.home, "flights")
    save_with(store, export(), provenance(1))
    assert store.provenance(tag) == provenance(1)


def test_a_later_version_may_have_more_fields(tmp_path: Path) -> None:
    (tmp_path / PROVENANCE_FILE).write_bytes(damaged(unknown=1))
    assert read_provenance(tmp_path) == provenance()


@pytest.mark.parametrize("key", ["graph_sha256", "signature_sha256"])
@pytest.mark.parametrize("digest", ["", "0" * 64])
def test_a_model_with_checks_of_other_bytes_is_not_saved(store: Store, export: Export, key: str, digest: str) -> None:
    folder = export()
    write_checks(folder, passed=True, **{key: digest})
    with pytest.raises(StoreError, match=r"checks\.json: must be the checks of the .* that is saved"):
        save(store, folder)
    assert store.versions("flights") == []


def test_checks_of_other_bytes_are_not_promoted_even_with_overrule(store: Store, export: Export) -> None:
    tag, other = save(store, export()), save(store, export(bias=1.0))
    checks = store.path(tag) / "checks.json"
    checks.write_bytes((store.path(other) / "checks.json").read_bytes())
    assert "must be the checks of" in (store.damage(tag) or "")
    with pytest.raises(StoreError, match="cannot be promoted"):
        store.promote(tag, overrule=True)
    assert store.champion("flights") is None
    save(store, export())  # which writes its own checks again
    store.promote(tag)


def test_checks_of_an_earlier_version_that_name_no_bytes_are_promoted(store: Store, export: Export) -> None:
    tag = save(store, export())
    (store.path(tag) / "checks.json").write_text('{"passed": true, "checks": []}')
    store.promote(tag)
    assert store.champion("flights") == tag


def test_other_files_under_the_name_of_a_version_are_neither_promoted_nor_served(store: Store, export: Export) -> None:
    """Graph, signature and checks that fit each other, but are of another version."""
    tag, other = save(store, export()), save(store, export(bias=1.0))
    store.promote(tag)
    for file in ("model.onnx", "signature.json", "checks.json"):
        (store.path(tag) / file).write_bytes((store.path(other) / file).read_bytes())
    with pytest.raises(StoreError, match="must begin with"):
        store.promote(tag)
    with pytest.raises(ServingError, match="must begin with"):
        ServedModel.champion(store.home, "flights")


def test_saving_again_repairs_a_damaged_version_and_keeps_its_records(store: Store, export: Export) -> None:
    tag = save_with(store, export(), provenance())
    store.refuse(tag, "flights:0", ("worse",))
    (store.path(tag) / "model.onnx").write_bytes(b"")
    assert save(store, export()) == tag
    assert store.damage(tag) is None
    assert (store.provenance(tag), len(store.refusal(tag))) == (provenance(), 1)
