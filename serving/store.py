"""The versions' home: BentoML's model store, with one champion per model name.

    HOME/models/NAME/VERSION/    model.onnx, signature.json, checks.json (and BentoML's own model.yaml)
    HOME/champions/NAME.json     the pointer, see champion.py

A version is named after its content, so the same bytes are the same version wherever and whenever they are saved.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import bentoml.models
import msgspec

# BentoML reads BENTOML_HOME once a process and keeps it; a ModelStore of our own takes any home at any time.
from bentoml._internal.models import ModelStore

from serving.champion import Promotion, champion_file, point_to, read_champion, write_whole
from serving.errors import ModelError, NoChampionError, NoVersionError, ServingError, SignatureError, StoreError
from serving.model import GRAPH_FILE, check_graph_hash
from serving.signature import SIGNATURE_FILE, read_signature

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CHECKS_FILE", "Store"]

CHECKS_FILE = "checks.json"


class _Checks(msgspec.Struct):
    passed: bool


class Store:
    """A model store under one BentoML home, made if it does not exist. A version's tag is `NAME:VERSION`."""

    def __init__(self, home: Path) -> None:
        self.home = home.resolve()
        (self.home / "models").mkdir(parents=True, exist_ok=True)
        self._models = ModelStore(self.home / "models")

    def __repr__(self) -> str:
        return f"Store({str(self.home)!r})"

    def save(self, *, model: Path, checks: Path) -> str:
        """Keep a version: the folder with `model.onnx` and `signature.json`, and the verdict on exactly those bytes.

        Returns its tag. Saving the same bytes again returns the same tag and renews its checks. Raises SignatureError,
        ModelError, StoreError.
        """
        signature = read_signature(model / SIGNATURE_FILE)
        check_graph_hash(model, signature)
        _read_checks(checks)
        # The signature names the graph's hash, so its own hash stands for both.
        version = hashlib.sha256((model / SIGNATURE_FILE).read_bytes()).hexdigest()[:16]
        tag = f"{signature.name}:{version}"
        with self._locked(signature.name):
            if self._is_whole(tag):
                write_whole(self._folder(tag) / CHECKS_FILE, checks.read_bytes())
                return tag
            # What a crash left half written.
            shutil.rmtree(self._folder(tag), ignore_errors=True)
            os.environ["BENTOML_DO_NOT_TRACK"] = "True"  # else BentoML reports every saved model to its makers
            metadata = {"graph_sha256": signature.graph_sha256, "trunkline": signature.version_of_trunkline}
            with bentoml.models.create(tag, metadata=metadata, _model_store=self._models) as stored:
                for source in (model / GRAPH_FILE, model / SIGNATURE_FILE):
                    shutil.copyfile(source, stored.path_of(source.name))
                shutil.copyfile(checks, stored.path_of(CHECKS_FILE))
            self._folder(tag).chmod(0o755)  # BentoML's 0700 would hide it from the service's user
            for path in self._folder(tag).iterdir():
                path.chmod(0o644)
        return tag

    def promote(self, tag: str) -> None:
        """Make a version the champion; promoting an older one rolls back.

        Only a whole version whose checks passed can be promoted. Raises NoVersionError, StoreError.
        """
        folder = self.path(tag)
        try:
            check_graph_hash(folder, read_signature(folder / SIGNATURE_FILE))
        except (SignatureError, ModelError) as error:
            raise StoreError(f"{tag} cannot be promoted, it is not whole: {error}") from error
        if not _read_checks(folder / CHECKS_FILE).passed:
            raise StoreError(
                f"{tag} cannot be promoted: its checks must have passed, found passed: false in "
                f"{folder / CHECKS_FILE}; mend the model or its limits, check and save again"
            )
        name = tag.partition(":")[0]
        with self._locked(name):
            point_to(self.home, name, tag)

    def champion(self, name: str) -> str | None:
        """The champion's tag, or None where nothing was promoted yet; raises StoreError where the pointer is broken."""
        try:
            return read_champion(self.home, name).champion
        except NoChampionError:
            return None

    def promotions(self, name: str) -> tuple[Promotion, ...]:
        """The changes of champion, oldest first."""
        try:
            return read_champion(self.home, name).promotions
        except NoChampionError:
            return ()

    def path(self, tag: str) -> Path:
        """The folder of a version; raises NoVersionError."""
        name, _, version = tag.partition(":")
        if version and self._is_stored(tag):
            return self._folder(tag)
        known = self.versions(name)
        there = f"there are {', '.join(known[:5])}" if known else f"none of {name!r} yet, `mtl retrain` makes one"
        raise NoVersionError(f"no version {tag!r} in {self.home}: {there}")

    def versions(self, name: str) -> list[str]:
        """The tags of a model name, the newest first; empty where there is none."""
        files = (self.home / "models" / name).glob("*/model.yaml")
        tags = [f"{name}:{file.parent.name}" for file in files]
        return sorted(tags, key=lambda tag: (self._created(tag), tag), reverse=True)

    def damage(self, tag: str) -> str | None:
        """The reason for which a version cannot be served; None where it is whole."""
        folder = self.path(tag)
        try:
            check_graph_hash(folder, read_signature(folder / SIGNATURE_FILE))
            _read_checks(folder / CHECKS_FILE)
        except ServingError as error:
            return str(error)
        return None

    def _created(self, tag: str) -> datetime:
        try:
            return bentoml.models.get(tag, _model_store=self._models).creation_time
        except Exception:  # a damaged model.yaml: what BentoML raises then shares no base class
            seconds = (self._folder(tag) / "model.yaml").stat().st_mtime
            return datetime.fromtimestamp(seconds, UTC)

    def _folder(self, tag: str) -> Path:
        name, _, version = tag.partition(":")
        return self.home / "models" / name / version

    def _is_stored(self, tag: str) -> bool:
        return (self._folder(tag) / "model.yaml").is_file()

    def _is_whole(self, tag: str) -> bool:
        folder = self._folder(tag)
        try:
            check_graph_hash(folder, read_signature(folder / SIGNATURE_FILE))
        except ServingError:
            return False
        return self._is_stored(tag)

    @contextlib.contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        # Two flows may save or promote at once; each must see what the other did.
        path = champion_file(self.home, name).with_suffix(".lock")
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _read_checks(path: Path) -> _Checks:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Checks)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StoreError(f'{path}: must say "passed": true or false, found {error}; run the check stage') from error
