"""The model store: versions are named after their bytes, one is the champion, writes are atomic."""

import fcntl
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import serving.champion
from serving.champion import champion_file, read_champion, set_champion, write_atomically
from serving.errors import ModelError, NoVersionError, SignatureError, StoreError
from serving.model import OnnxModel
from serving.store import Store
from tests.serving.example_models import Export, save


def test_a_saved_version_can_be_loaded(store: Store, export: Export) -> None:
    folder = export()
    tag = save(store, folder)
    name, _, version = tag.partition(":")
    assert (name, len(version)) == ("flights", 16)
    assert OnnxModel.load(store.path(tag), version=tag).version == tag
    for file in ("model.onnx", "signature.json", "checks.json"):
        assert (store.path(tag) / file).read_bytes() == (folder / file).read_bytes()
    assert str(store.home) in repr(store)


def test_the_same_bytes_have_the_same_version_in_every_store(store: Store, export: Export, tmp_path: Path) -> None:
    tag = save(store, export())
    assert save(store, export()) == tag
    assert save(Store(tmp_path / "other"), export()) == tag
    assert store.versions("flights") == [tag]
    assert save(store, export(bias=1.0)) != tag
    assert save(store, export(change={"version_of_trunkline": "0.2.0"})) != tag


def test_files_are_readable_by_every_user(store: Store, export: Export) -> None:
    tag = save(store, export())
    store.promote(tag)
    folder = store.path(tag)
    assert folder.stat().st_mode & 0o777 == 0o755
    for path in (*folder.iterdir(), champion_file(store.home, "flights")):
        assert path.stat().st_mode & 0o777 == 0o644, path.name


def test_versions_are_listed_newest_first(store: Store, export: Export) -> None:
    tags = [save(store, export(bias=float(bias))) for bias in range(3)]
    assert store.versions("flights") == tags[::-1]
    assert store.versions("census") == []


def test_promoting_an_older_version_rolls_back(store: Store, export: Export) -> None:
    assert store.champion("flights") is None
    assert store.promotions("flights") == ()
    first, second = save(store, export()), save(store, export(bias=1.0))
    for tag in (first, first, second, first):
        store.promote(tag)
        assert store.champion("flights") == tag
    promotions = store.promotions("flights")
    assert [(p.before, p.after) for p in promotions] == [(None, first), (first, second), (second, first)]
    assert [p.at for p in promotions] == sorted(p.at for p in promotions)


def test_every_model_name_has_its_champion(store: Store, export: Export) -> None:
    flights, census = save(store, export()), save(store, export(change={"name": "census"}))
    store.promote(flights)
    assert (store.champion("flights"), store.champion("census")) == (flights, None)
    store.promote(census)
    assert (store.champion("flights"), store.champion("census")) == (flights, census)


@pytest.mark.parametrize("tag", ["flights:0000", "flights", "flights:", "flights:latest", "census:0000", ""])
def test_an_unknown_version_cannot_be_promoted(store: Store, export: Export, tag: str) -> None:
    saved = save(store, export())
    hint = saved if tag.startswith("flights") else "mtl retrain"
    with pytest.raises(NoVersionError, match=f"no version {tag!r}.*{hint}"):
        store.promote(tag)
    assert store.champion("flights") is None


def test_files_that_do_not_match_are_not_saved(store: Store, export: Export) -> None:
    folder = export()
    (folder / "model.onnx").write_bytes(b"another graph")
    with pytest.raises(ModelError, match="SHA-256"):
        save(store, folder)
    (folder / "signature.json").unlink()
    with pytest.raises(SignatureError, match="cannot be read"):
        save(store, folder)
    assert store.versions("flights") == []


@pytest.mark.parametrize("content", [None, "", "{}", '{"passed": "yes"}', '{"passed": 1}', "[]"])
def test_a_model_without_valid_checks_is_not_saved(store: Store, export: Export, content: str | None) -> None:
    folder = export()
    (folder / "checks.json").unlink()
    if content is not None:
        (folder / "checks.json").write_text(content)
    with pytest.raises(StoreError, match="run the check stage"):
        save(store, folder)
    assert store.versions("flights") == []


@pytest.mark.parametrize("files", [["model.yaml", "signature.json"], ["signature.json", "model.onnx"], []])
def test_an_incomplete_version_is_written_again(store: Store, export: Export, files: list[str]) -> None:
    tag = save(store, export())
    for file in store.path(tag).iterdir():
        if file.name not in files:
            file.unlink()
    with pytest.raises(StoreError):
        store.promote(tag)
    assert save(store, export()) == tag
    store.promote(tag)
    OnnxModel.load(store.path(tag))


@pytest.mark.parametrize("passed", [True, False])
def test_a_damaged_version_cannot_be_promoted(store: Store, export: Export, passed: bool) -> None:
    tag = save(store, export(passed=passed))
    (store.path(tag) / "model.onnx").write_bytes(b"something else")
    with pytest.raises(StoreError, match="files are damaged"):
        store.promote(tag, overrule=not passed)
    assert store.champion("flights") is None


@pytest.mark.parametrize(
    "content", [b"", b"flights:1", b'{"champion": 1, "promotions": []}', b'{"champion": "a"}', b"\xff"]
)
def test_a_broken_pointer_is_an_error(store: Store, content: bytes) -> None:
    write_atomically(champion_file(store.home, "flights"), content)
    with pytest.raises(StoreError, match="remove the file"):
        store.champion("flights")


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "pointer"
    write_atomically(path, b"old")

    def fail(*_: object) -> None:
        raise OSError("no space")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="no space"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_pointer_is_replaced_atomically(tmp_path: Path) -> None:
    set_champion(tmp_path, "flights", "flights:a")
    stop = threading.Event()
    champions: set[str] = set()

    def read() -> None:
        while not stop.is_set():
            champions.add(read_champion(tmp_path, "flights").champion)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for _ in range(50):
            set_champion(tmp_path, "flights", "flights:b")
            set_champion(tmp_path, "flights", "flights:a")
    finally:
        stop.set()
        reader.join()
    assert champions <= {"flights:a", "flights:b"}


def test_the_number_of_promotions_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving.champion, "MAX_PROMOTIONS", 3)
    for version in range(6):
        set_champion(tmp_path, "flights", f"flights:{version}")
    assert [step.after for step in read_champion(tmp_path, "flights").promotions] == [f"flights:{n}" for n in (3, 4, 5)]


def test_a_save_waits_for_another_save(store: Store, export: Export) -> None:
    model = export()
    champion_file(store.home, "flights").parent.mkdir()
    with champion_file(store.home, "flights").with_suffix(".lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        saving = threading.Thread(target=save, args=(store, model))
        saving.start()
        saving.join(0.3)
        assert saving.is_alive()
        assert store.versions("flights") == []
    saving.join(10)
    assert len(store.versions("flights")) == 1


SAVE = """
import sys
from pathlib import Path
from serving.store import Store
model = Path(sys.argv[2])
store = Store(Path(sys.argv[1]))
print(store.save(model=model, checks=model / "checks.json"))
"""


def test_two_processes_can_save_the_same_model_and_write_only_to_the_store(export: Export, tmp_path: Path) -> None:
    model, home, elsewhere = export(), tmp_path / "home", tmp_path / "elsewhere"
    elsewhere.mkdir()
    root = Path(serving.champion.__file__).parents[1]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(elsewhere),
        "TMPDIR": str(elsewhere),
        "PYTHONPATH": str(root),
    }
    saves = [
        subprocess.Popen(
            [sys.executable, "-c", SAVE, str(home), str(model)],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    tags = [process.communicate(timeout=60)[0].strip() for process in saves]
    assert [process.returncode for process in saves] == [0, 0]
    assert tags[0] == tags[1] == Store(home).versions("flights")[0]
    OnnxModel.load(Store(home).path(tags[0]))
    assert list(elsewhere.iterdir()) == []
    assert json.loads((Store(home).path(tags[0]) / "checks.json").read_text())["passed"] is True
