"""The remote store: champions reach other machines over S3; a reader finds the old champion or the new one, intact."""

import asyncio
import hashlib
import itertools
import json
import logging
import shutil
from pathlib import Path
from unittest.mock import Mock

import pytest

import serving.live
import serving.remote
import serving.service
from serving.champion import champion_file
from serving.errors import DamagedError, NoChampionError, RemoteError
from serving.model import OnnxModel
from serving.process import serve
from serving.remote import Remote, pull_if_configured
from serving.remote_files import REMOTE_VARIABLE, RemoteFiles
from serving.service import Predict
from serving.store import Store
from tests.s3 import S3Server
from tests.serving.example_models import Export, promote, save


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    """A folder: what does not depend on the kind of remote is tested with the fastest."""
    return Remote(str(tmp_path / "remote" / "models of"))


@pytest.fixture(params=["folder", "s3"])
def each_remote(request: pytest.FixtureRequest) -> Remote:
    """A folder, and a bucket of a server."""
    if request.param == "folder":
        remote: Remote = request.getfixturevalue("remote")
        return remote
    return Remote(f"{request.getfixturevalue('s3')}/models of/team/")


@pytest.fixture
def other(tmp_path: Path) -> Store:
    """The store of another machine."""
    return Store(tmp_path / "other")


class Killed(BaseException):
    """The end of a process."""


def kill_at(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """End the process before its write of that number, counted from 0."""
    write, numbers = RemoteFiles.write, itertools.count()

    def killed(self: RemoteFiles, path: str, content: bytes) -> None:
        if next(numbers) == number:
            raise Killed
        write(self, path, content)

    monkeypatch.setattr(RemoteFiles, "write", killed)


def replace(remote: Remote, path: str, content: bytes | None) -> None:
    """Replace a remote file, or remove it."""
    if content is None:
        remote.files._files.rm_file(f"{remote.files._root}/{path}")
    else:
        remote.files.write(path, content)


def test_every_champion_reaches_another_store(each_remote: Remote, store: Store, other: Store, export: Export) -> None:
    remote = each_remote
    first, second = save(store, export()), save(store, export(bias=1.0))
    for tag in (first, second, first):
        store.promote(tag)
        assert remote.push(store.home, "flights")
        assert not remote.push(store.home, "flights")
        assert remote.pull(other.home, "flights")
        assert not remote.pull(other.home, "flights")
        assert other.champion("flights") == tag
        assert OnnxModel.load(other.path(tag), version=tag).version == tag
        assert other.refusal(tag) == ()
    assert other.promotions("flights") == store.promotions("flights")
    assert set(other.versions("flights")) == {first, second}
    for path in (*store.path(first).iterdir(), champion_file(store.home, "flights")):
        copied = other.home / path.relative_to(store.home)
        assert copied.read_bytes() == path.read_bytes()
        assert copied.stat().st_mode & 0o777 == 0o644
    assert other.path(first).stat().st_mode & 0o777 == 0o755
    assert not [path for path in other.home.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("number", range(5))
def test_after_a_kill_at_any_write_readers_find_the_old_champion_and_the_next_push_completes(
    remote: Remote, store: Store, other: Store, export: Export, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A version has four files; the fifth write is the pointer's."""
    old = promote(store, export())
    remote.push(store.home, "flights")
    new = promote(store, export(bias=1.0))
    with monkeypatch.context() as patch:
        kill_at(number, patch)
        with pytest.raises(Killed):
            remote.push(store.home, "flights")
    remote.pull(other.home, "flights")
    assert other.champion("flights") == old
    assert remote.push(store.home, "flights")
    remote.pull(other.home, "flights")
    assert other.champion("flights") == new


def test_a_pull_that_was_killed_leaves_the_old_champion_and_nothing_behind(
    remote: Remote, store: Store, other: Store, export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = promote(store, export())
    remote.push(store.home, "flights")
    remote.pull(other.home, "flights")
    new = promote(store, export(bias=1.0))
    remote.push(store.home, "flights")
    (other.home / ".pull-killed").mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(serving.remote, "write_atomically", Mock(side_effect=Killed))
        for _ in range(2):
            with pytest.raises(Killed):
                remote.pull(other.home, "flights")
    assert other.champion("flights") == old
    assert other.damage(old) is None
    assert remote.pull(other.home, "flights")
    assert other.champion("flights") == new
    assert not list(other.home.glob(".pull-*"))


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("model.onnx", b"{}"),
        ("signature.json", b"{}"),
        *((file, None) for file in ("model.onnx", "signature.json", "model.yaml", "checks.json")),
    ],
)
def test_a_damaged_version_is_not_pulled_and_can_be_repaired(
    remote: Remote, store: Store, other: Store, export: Export, file: str, content: bytes | None
) -> None:
    old = promote(store, export())
    remote.push(store.home, "flights")
    remote.pull(other.home, "flights")
    new = promote(store, export(bias=1.0))
    remote.push(store.home, "flights")
    replace(remote, f"models/flights/{new.partition(':')[2]}/{file}", content)
    with pytest.raises(DamagedError, match=file):
        remote.pull(other.home, "flights")
    assert other.champion("flights") == old
    assert other.versions("flights") == [old]
    remote.push(store.home, "flights", force=True)
    remote.pull(other.home, "flights")
    assert other.champion("flights") == new


def test_a_promotion_that_was_not_uploaded_is_not_undone(remote: Remote, store: Store, export: Export) -> None:
    """The machine that trains may serve too; a rollback there must stay, although its upload failed."""
    first, second = promote(store, export()), promote(store, export(bias=1.0))
    remote.push(store.home, "flights")
    assert not remote.pull(store.home, "flights")
    store.promote(first)
    for _ in range(2):
        with pytest.raises(RemoteError, match="found a promotion on this machine; run `mtl promote"):
            remote.pull(store.home, "flights")
    assert store.champion("flights") == first
    remote.push(store.home, "flights")
    assert not remote.pull(store.home, "flights")
    assert store.champion("flights") == first
    assert second in store.versions("flights")


def test_a_copied_store_follows_the_remote_once_both_have_the_same_champion(
    remote: Remote, store: Store, other: Store, export: Export
) -> None:
    shutil.rmtree(other.home)
    promote(store, export())
    remote.push(store.home, "flights")
    shutil.copytree(store.home, other.home)
    champion_file(other.home, "flights").with_suffix(".remote.json").write_text("damaged")
    assert not remote.pull(other.home, "flights")
    second = promote(store, export(bias=1.0))
    remote.push(store.home, "flights")
    assert remote.pull(other.home, "flights")
    assert other.champion("flights") == second


def test_damaged_local_files_are_pulled_again(remote: Remote, store: Store, other: Store, export: Export) -> None:
    tag = promote(store, export())
    remote.push(store.home, "flights")
    remote.pull(other.home, "flights")
    (other.path(tag) / "model.onnx").write_bytes(b"damaged")
    assert remote.pull(other.home, "flights")
    assert other.damage(tag) is None


@pytest.mark.parametrize(
    "tag", ["flights:../../../etc", "flights:", "other:0123456789abcdef", "flights:0123456789ABCDEF", "flights:.", "x"]
)
def test_a_pointer_to_anything_but_a_version_is_refused(
    remote: Remote, store: Store, other: Store, export: Export, tag: str
) -> None:
    promote(store, export())
    remote.push(store.home, "flights")
    replace(remote, "champions/flights.json", json.dumps({"champion": tag, "promotions": []}).encode())
    with pytest.raises(DamagedError, match="must point to a version of 'flights'"):
        remote.pull(other.home, "flights")
    replace(remote, "champions/flights.json", b"half a poin")
    with pytest.raises(DamagedError, match="must point to a version, found"):
        remote.pull(other.home, "flights")
    assert other.champion("flights") is None


def test_a_signature_that_is_not_json_is_damage(remote: Remote, store: Store, other: Store, export: Export) -> None:
    promote(store, export())
    remote.push(store.home, "flights")
    version = hashlib.sha256(b"not JSON").hexdigest()[:16]
    for file in ("model.onnx", "signature.json", "model.yaml", "checks.json"):
        replace(remote, f"models/flights/{version}/{file}", b"not JSON")
    pointer = json.dumps({"champion": f"flights:{version}", "promotions": []}).encode()
    replace(remote, "champions/flights.json", pointer)
    with pytest.raises(DamagedError, match=r"signature\.json: must have the SHA-256 of the graph"):
        remote.pull(other.home, "flights")


def test_an_empty_remote_is_an_error_that_names_the_command(remote: Remote, other: Store) -> None:
    with pytest.raises(NoChampionError, match=f"`mtl promote` with {REMOTE_VARIABLE}"):
        remote.pull(other.home, "flights")


def test_an_undamaged_champion_is_required_to_push(remote: Remote, store: Store, export: Export) -> None:
    tag = promote(store, export())
    (store.path(tag) / "model.onnx").write_bytes(b"damaged")
    with pytest.raises(DamagedError, match=r"model\.onnx"):
        remote.push(store.home, "flights")


def test_a_missing_bucket_is_an_error_with_its_fix(s3: str, store: Store, export: Export) -> None:
    promote(store, export())
    remote = Remote("s3://no-such-bucket/prefix")
    for action in (remote.push, remote.pull):
        with pytest.raises(RemoteError, match=r"s3://no-such-bucket/prefix: must be readable.*create the bucket"):
            action(store.home, "flights")


def test_wrong_and_missing_credentials_are_errors_with_their_fix(
    s3: str, s3_server: S3Server, store: Store, export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    promote(store, export())
    s3_server.check_credentials(after=0)
    try:
        for present in (True, False):
            if not present:
                monkeypatch.delenv("AWS_ACCESS_KEY_ID")
                monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
            with pytest.raises(RemoteError, match="check the credentials") as error:
                Remote(s3).push(store.home, "flights")
            assert "tests-secret-key" not in str(error.value)
    finally:
        s3_server.check_credentials(after=float("inf"))


def test_a_server_that_does_not_answer_is_an_error_with_its_fix(
    s3: str, store: Store, export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    promote(store, export())
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(RemoteError, match="check the address, for S3 AWS_ENDPOINT_URL"):
        Remote(s3).push(store.home, "flights")


@pytest.mark.parametrize("url", ["nothing://bucket", "hdfs-nothing://user:password@host/path"])
def test_an_unknown_protocol_is_an_error_without_its_password(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(REMOTE_VARIABLE, url)
    with pytest.raises(RemoteError, match=rf"{REMOTE_VARIABLE}: must be a URL.*trunkline\[s3\]") as error:
        Remote.configured()
    assert "password" not in str(error.value)


def test_a_missing_remote_matters_only_without_a_local_champion(
    store: Store, export: Export, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(REMOTE_VARIABLE, "nothing://bucket")
    promote(store, export())
    pull_if_configured(store.home, "flights")
    for start in (pull_if_configured, serve):
        with pytest.raises(RemoteError):
            start(tmp_path / "empty", "flights")


def test_a_service_with_an_empty_store_serves_each_pushed_champion(
    remote: Remote,
    store: Store,
    other: Store,
    export: Export,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(serving.remote, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(serving.live, "POLL_SECONDS", 0.05)
    monkeypatch.setenv(REMOTE_VARIABLE, remote.files.url)
    monkeypatch.setenv("TRUNKLINE_STORE", str(other.home))
    monkeypatch.setenv("TRUNKLINE_MODEL", "flights")
    first = promote(store, export())
    remote.push(store.home, "flights")
    Predict.inner.check()
    service = Predict.inner()  # without BentoML's application, of which a process can have one

    def served() -> str:
        assert serving.service._live.current is not None
        return serving.service._live.current.model.version

    async def run() -> None:
        await service.open()
        assert served() == first
        replace(remote, "champions/flights.json", b"damaged")  # logged once; the first one stays
        while not caplog.messages:
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.2)
        assert served() == first
        second = promote(store, export(bias=1.0))
        remote.push(store.home, "flights")
        while served() != second:
            await asyncio.sleep(0.05)
        await service.close()

    with caplog.at_level(logging.ERROR, "bentoml.trunkline"):
        asyncio.run(asyncio.wait_for(run(), 60))
    (message,) = caplog.messages
    assert "the present one stays" in message
