"""Versions in BentoML's model store, with one champion per model name.

    HOME/models/NAME/VERSION/    model.onnx, signature.json, checks.json (and BentoML's own model.yaml)
                                 refused.json, if it lost against a champion, see refused.py
                                 decision.json, if it was kept or waits for approval, see decisions.py
    HOME/champions/NAME.json     the pointer, see champion.py

A version is named after its content, so the same bytes are the same version in every store.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import bentoml.models

# BentoML reads BENTOML_HOME once per process; a separate ModelStore takes any home at any time.
from bentoml._internal.models import ModelStore

from serving.champion import Promotion, champion_file, find_champion, set_champion, write_atomically
from serving.decisions import clear_decision
from serving.errors import ModelError, NoVersionError, RefusedVersionError, ServingError, SignatureError, StoreError
from serving.model import GRAPH_FILE, read_export
from serving.refused import CHECKS_FILE, LOST_FILE, read_checks, read_reasons, write_lost_comparison
from serving.signature import SIGNATURE_FILE


class Store:
    """The model store of a BentoML home, which is created if it does not exist. A version's tag is `NAME:VERSION`."""

    def __init__(self, home: Path) -> None:
        self.home = home.resolve()
        (self.home / "models").mkdir(parents=True, exist_ok=True)
        self._models = ModelStore(self.home / "models")

    def __repr__(self) -> str:
        return f"Store({str(self.home)!r})"

    def save(self, *, model: Path, checks: Path) -> str:
        """Store a version; returns its tag. Raises SignatureError, ModelError, StoreError.

        model: the folder with `model.onnx` and `signature.json`. checks: the file with the checks of those bytes. A
        version whose checks failed is stored as refused. Saving the same bytes again returns the same tag and replaces
        the checks, except passed checks of the champion by failed ones, as under stricter gates.
        """
        signature, _ = read_export(model)
        passed = read_checks(checks).passed
        # The signature names the graph's hash, so its own hash stands for both.
        version = hashlib.sha256((model / SIGNATURE_FILE).read_bytes()).hexdigest()[:16]
        tag = f"{signature.name}:{version}"
        with self._locked(signature.name):
            if self._is_intact(tag):
                if passed or tag != self.champion(signature.name):
                    write_atomically(self._folder(tag) / CHECKS_FILE, checks.read_bytes())
                return tag
            shutil.rmtree(self._folder(tag), ignore_errors=True)  # incomplete, after a crash
            os.environ["BENTOML_DO_NOT_TRACK"] = "True"  # otherwise BentoML reports every saved model
            metadata = {"graph_sha256": signature.graph_sha256, "trunkline": signature.version_of_trunkline}
            with bentoml.models.create(tag, metadata=metadata, _model_store=self._models) as stored:
                for source in (model / GRAPH_FILE, model / SIGNATURE_FILE):
                    shutil.copyfile(source, stored.path_of(source.name))
                shutil.copyfile(checks, stored.path_of(CHECKS_FILE))
            self._folder(tag).chmod(0o755)  # BentoML's 0700 would hide it from the service's user
            for path in self._folder(tag).iterdir():
                path.chmod(0o644)
        return tag

    def refuse(self, tag: str, champion: str, reasons: tuple[str, ...]) -> None:
        """Mark a version that lost against a champion as refused; raises NoVersionError."""
        write_lost_comparison(self.path(tag), champion, reasons)
        clear_decision(self.path(tag))

    def accept(self, tag: str) -> None:
        """Remove the mark of `refuse`, if there is one; raises NoVersionError."""
        (self.path(tag) / LOST_FILE).unlink(missing_ok=True)

    def refusal(self, tag: str) -> tuple[str, ...]:
        """Reasons why a version is refused; empty if it is not. Raises NoVersionError, StoreError."""
        return read_reasons(self.path(tag))

    def promote(self, tag: str, *, overrule: bool = False) -> tuple[str, ...]:
        """Make a version the champion; promoting an older one rolls back.

        Returns the overruled reasons, which the pointer records. The champion can be promoted again, whatever its
        checks. Raises NoVersionError, StoreError for a damaged version, RefusedVersionError for a refused version
        without `overrule`.
        """
        folder, name = self.path(tag), tag.partition(":")[0]
        try:
            read_export(folder)
        except (SignatureError, ModelError) as error:
            raise StoreError(f"{tag} cannot be promoted, its files are damaged: {error}") from error
        reasons = read_reasons(folder)
        if reasons and not overrule and tag != self.champion(name):
            raise RefusedVersionError(
                f"{tag} must have passed its gates to be promoted, found it refused:\n"
                + "\n".join(f"  {reason}" for reason in reasons)
                + f"\nto serve it anyway: `mtl promote {tag} --overrule`"
            )
        with self._locked(name):
            set_champion(self.home, name, tag, overruled=reasons)
            clear_decision(folder)
        return reasons

    def champion(self, name: str) -> str | None:
        """The champion's tag, None if nothing was promoted yet; raises StoreError if the pointer is broken."""
        champion = find_champion(self.home, name)
        return champion.champion if champion else None

    def promotions(self, name: str) -> tuple[Promotion, ...]:
        """The changes of champion, oldest first."""
        champion = find_champion(self.home, name)
        return champion.promotions if champion else ()

    def overruled(self, tag: str) -> tuple[str, ...]:
        """Reasons that the last promotion of a version overruled; empty if there were none."""
        promotions = [promotion for promotion in self.promotions(tag.partition(":")[0]) if promotion.after == tag]
        return promotions[-1].overruled or () if promotions else ()

    def path(self, tag: str) -> Path:
        """The folder of a version; raises NoVersionError."""
        name, _, version = tag.partition(":")
        if version and self._is_stored(tag):
            return self._folder(tag)
        versions = self.versions(name)
        hint = f"known versions: {', '.join(versions[:5])}" if versions else f"none of {name!r} yet; run `mtl retrain`"
        raise NoVersionError(f"no version {tag!r} in {self.home}; {hint}")

    def versions(self, name: str) -> list[str]:
        """The tags of a model name, the newest first."""
        files = (self.home / "models" / name).glob("*/model.yaml")
        tags = [f"{name}:{file.parent.name}" for file in files]
        return sorted(tags, key=lambda tag: (self._created(tag), tag), reverse=True)

    def damage(self, tag: str) -> str | None:
        """The reason for which a version cannot be served; None if it is intact."""
        folder = self.path(tag)
        try:
            read_export(folder)
            read_reasons(folder)
        except ServingError as error:
            return str(error)
        return None

    def _created(self, tag: str) -> datetime:
        try:
            return bentoml.models.get(tag, _model_store=self._models).creation_time
        except Exception:  # a damaged model.yaml: BentoML's exceptions for it share no base class
            seconds = (self._folder(tag) / "model.yaml").stat().st_mtime
            return datetime.fromtimestamp(seconds, UTC)

    def _folder(self, tag: str) -> Path:
        name, _, version = tag.partition(":")
        return self.home / "models" / name / version

    def _is_stored(self, tag: str) -> bool:
        return (self._folder(tag) / "model.yaml").is_file()

    def _is_intact(self, tag: str) -> bool:
        try:
            read_export(self._folder(tag))
        except ServingError:
            return False
        return self._is_stored(tag)

    @contextlib.contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        # Two flows may save or promote at once; each must see the other's changes.
        path = champion_file(self.home, name).with_suffix(".lock")
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
