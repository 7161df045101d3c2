"""A remote copy of a store's champions, e.g. on S3: pushed after a promotion, pulled by services on other machines.

    REMOTE/models/NAME/VERSION/...     the files of every version that was a champion
    REMOTE/champions/NAME.json         the pointer, a copy of HOME/champions/NAME.json

The files of a version are written before the pointer, so that the pointer never names an incomplete version. A version
is verified by its hashes before a service sees it.
"""

import asyncio
import contextlib
import fcntl
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import msgspec

from serving.champion import Champion, champion_file, read_champion, write_atomically
from serving.errors import DamagedError, NoChampionError, RemoteError, ServingError
from serving.preflight import check_champion, find_damage
from serving.refused import CHECKS_FILE
from serving.remote_files import REMOTE_VARIABLE, RemoteFiles, is_file_name
from serving.remote_history import is_shared, record_shared

POLL_SECONDS = 10.0

_REQUIRED = {"model.onnx", "signature.json", CHECKS_FILE, "model.yaml"}
"""Files that every version has; the last one is BentoML's."""
_VERSION = re.compile(r"[0-9a-f]{16}")
_PENDING = ".pull-"

_log = logging.getLogger("bentoml.trunkline")  # under BentoML's name, so that it reaches the server's log


class Remote:
    """The remote store at a URL. Methods raise RemoteError if it cannot be used."""

    def __init__(self, url: str) -> None:
        self.files = RemoteFiles(url)

    @classmethod
    def configured(cls) -> Self | None:
        """The remote that TRUNKLINE_STORE_REMOTE names; None if it is not set."""
        url = os.environ.get(REMOTE_VARIABLE)
        return cls(url) if url else None

    def push(self, home: Path, name: str, *, force: bool = False) -> bool:
        """Upload the champion of a model name, then the pointer; False if the remote has the same pointer already.

        Args:
            home: the local store's folder.
            force: upload even if the pointers are equal, which repairs damaged files.

        Raises NoChampionError, NoVersionError, DamagedError for the local champion.
        """
        check_champion(home, name)
        pointer = champion_file(home, name).read_bytes()
        if not force and pointer == self.files.read(_pointer(name)):
            record_shared(home, name, pointer)
            return False
        version = msgspec.json.decode(pointer, type=Champion).champion.partition(":")[2]
        for path in sorted((home / "models" / name / version).iterdir()):
            if path.is_file() and is_file_name(path.name):
                self.files.write(f"{_folder(name, version)}/{path.name}", path.read_bytes())
        self.files.write(_pointer(name), pointer)
        record_shared(home, name, pointer)
        return True

    def pull(self, home: Path, name: str) -> bool:
        """Make the remote's champion the local one; True if the local pointer or its files changed.

        The files are downloaded, verified and renamed before the local pointer is replaced. A local promotion that was
        not uploaded is a RemoteError, and stays.
        Raises NoChampionError if the remote has none, DamagedError if its pointer or files are broken.
        """
        if (pointer := self.files.read(_pointer(name))) is None:
            raise NoChampionError(
                f"{self.files.url}: must have the champion of {name!r}, found no {_pointer(name)}; run `mtl retrain` "
                f"or `mtl promote` with {REMOTE_VARIABLE} on the machine that trains"
            )
        version = self._version(name, pointer)
        target, local = home / "models" / name / version, _content(champion_file(home, name))
        if local == pointer and find_damage(target, version) is None:
            record_shared(home, name, pointer)
            return False
        if local is not None and local != pointer and not is_shared(home, name, local):
            raise RemoteError(
                f"{champion_file(home, name)}: must have been uploaded to be replaced by the champion of "
                f"{self.files.url}, found a promotion on this machine; run `mtl promote VERSION` to upload it, or "
                "remove the file to follow the remote"
            )
        home.mkdir(parents=True, exist_ok=True)
        with _exclusive(home):
            if find_damage(target, version) is not None:
                self._download(name, version, target)
            record_shared(home, name, *filter(None, (local, pointer)))
            write_atomically(champion_file(home, name), pointer)
        return True

    async def watch(self, home: Path, name: str) -> None:
        """Pull every POLL_SECONDS, without end. A failure is logged once, and the present champion stays."""
        failure = ""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            try:
                await asyncio.to_thread(self.pull, home, name)
            except (ServingError, OSError) as error:
                if str(error) != failure:
                    _log.error("the champion of %r cannot be pulled, the present one stays: %s", name, error)
                failure = str(error)
            else:
                if failure:
                    _log.info("%s can be pulled from again", self.files.url)
                failure = ""

    def _version(self, name: str, pointer: bytes) -> str:
        """The version that the pointer names; raises DamagedError."""
        try:
            tag = msgspec.json.decode(pointer, type=Champion).champion
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self._damaged(_pointer(name), f"must point to a version, found {error}") from error
        prefix, _, version = tag.partition(":")
        if prefix != name or not _VERSION.fullmatch(version):  # it becomes a path
            raise self._damaged(_pointer(name), f"must point to a version of {name!r}, found {tag!r}")
        return version

    def _download(self, name: str, version: str, target: Path) -> None:
        """Download a version, verify it, and move it to its place; raises DamagedError."""
        source = _folder(name, version)
        names = self.files.names(source)
        if missing := sorted(_REQUIRED - set(names)):
            raise self._damaged(source, f"must be complete, found no {', '.join(missing)}")
        target.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=_PENDING, dir=target.parents[2]))
        try:
            for file in names:
                if (content := self.files.read(f"{source}/{file}")) is not None:
                    (folder / file).write_bytes(content)
                    (folder / file).chmod(0o644)
            if (damage := find_damage(folder, version)) is not None:
                path, rule = damage
                raise self._damaged(f"{source}/{path.name}", rule)
            folder.chmod(0o755)  # mkdtemp's 0700 would hide it from the service's user
            shutil.rmtree(target, ignore_errors=True)  # a damaged one
            folder.rename(target)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _damaged(self, path: str, rule: str) -> DamagedError:
        return DamagedError(
            f"{self.files.url}/{path}: {rule}; to upload it again: `mtl promote VERSION` on the machine that trains"
        )


def pull_if_configured(home: Path, name: str) -> None:
    """Pull the champion if a remote is configured.

    A failure is an error only without a local champion; otherwise it is logged, and the local one is served.
    """
    try:
        if (remote := Remote.configured()) is not None:
            remote.pull(home, name)
    except (RemoteError, DamagedError, NoChampionError) as error:
        try:
            read_champion(home, name)
        except ServingError:
            raise error from None
        _log.error("the champion of %r cannot be pulled, the present one is served: %s", name, error)


def _pointer(name: str) -> str:
    return f"champions/{name}.json"


def _folder(name: str, version: str) -> str:
    return f"models/{name}/{version}"


@contextlib.contextmanager
def _exclusive(home: Path) -> Iterator[None]:
    """Serialise pulls into a store, and remove the leftovers of a killed one."""
    with (home / "pull.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        for folder in home.glob(f"{_PENDING}*"):
            shutil.rmtree(folder, ignore_errors=True)
        yield


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
