"""Versions in BentoML's model store, with one champion per model name.

    HOME/models/NAME/VERSION/    model.onnx, signature.json, checks.json (and BentoML's own model.yaml)
                                 provenance.json, see provenance.py
                                 refused.json, if it lost against a champion, see refused.py
                                 decision.json, if it was kept or waits for approval, see decisions.py
                                 pinned.json, if it must not be deleted, see retention.py
    HOME/champions/NAME.json     the pointer and its history, see champion.py

A version is named after its content, so the same bytes are the same version in every store: VERSION begins the hash of
signature.json, which has the hash of model.onnx, and checks.json has both.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import bentoml.models

# BentoML reads BENTOML_HOME once per process; a separate ModelStore takes any home at any time.
from bentoml._internal.models import ModelStore

from serving.champion import (
    Promotion,
    champion_file,
    encode,
    find_champion,
    set_champion,
    write_atomically,
    write_json,
)
from serving.decisions import clear_decision
from serving.errors import NoVersionError, RefusedVersionError, ServingError, StoreError
from serving.model import GRAPH_FILE, read_export
from serving.provenance import PROVENANCE_FILE, Experiment, ModelProvenance, read_provenance
from serving.refused import CHECKS_FILE, LOST_FILE, read_checks, read_reasons, write_lost_comparison
from serving.signature import SIGNATURE_FILE, Signature
from serving.version_files import check_binding, check_version_files, update_provenance, version_tag


class Store:
    """The model store of a BentoML home, which is created if it does not exist. A version's tag is `NAME:VERSION`."""

    def __init__(self, home: Path) -> None:
        self.home = home.resolve()
        (self.home / "models").mkdir(parents=True, exist_ok=True)
        self._models = ModelStore(self.home / "models")

    def __repr__(self) -> str:
        return f"Store({str(self.home)!r})"

    def save(self, *, model: Path, checks: Path, provenance: ModelProvenance | None = None) -> str:
        """Store a version; returns its tag. Raises SignatureError, ModelError, StoreError.

        model: the folder with `model.onnx` and `signature.json`. checks: the file with the checks of those bytes, which
        it must name. A version whose checks failed is stored as refused.

        Saving the same bytes again returns the same tag, repairs damaged files, and replaces the checks, except passed
        checks of the champion by failed ones, as under stricter gates. The first provenance is kept, see
        `ModelProvenance.replaced_by`.
        """
        signature, graph = read_export(model)
        outcome, content = read_checks(checks), (model / SIGNATURE_FILE).read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        check_binding(checks, outcome, graph=signature.graph_sha256, signature=digest)
        tag = version_tag(signature.name, content)
        files = {GRAPH_FILE: graph, SIGNATURE_FILE: content, CHECKS_FILE: checks.read_bytes()}
        with self.locked(signature.name):
            if self._is_stored(tag):
                damaged = (GRAPH_FILE, SIGNATURE_FILE) if not self._is_intact(tag) else ()
                replaced = (CHECKS_FILE,) if outcome.passed or tag != self.champion(signature.name) else ()
                for name in (*damaged, *replaced):
                    write_atomically(self._folder(tag) / name, files[name])
                if provenance is not None:
                    update_provenance(self._folder(tag), provenance)
            else:
                files |= {PROVENANCE_FILE: encode(provenance)} if provenance is not None else {}
                self._create(tag, files, signature)
        return tag

    def provenance(self, tag: str) -> ModelProvenance | None:
        """Provenance of a version; None if `mtl retrain` did not save it, or an earlier Trunkline did.

        Raises NoVersionError, StoreError.
        """
        return read_provenance(self.path(tag))

    def add_experiment(self, tag: str, experiment: Experiment, parent: str) -> None:
        """Add the DVC experiment of its run to a version's provenance, if that is of the commit `parent`.

        Raises NoVersionError, StoreError.
        """
        with self.locked(tag):
            if (provenance := self.provenance(tag)) is not None:
                write_json(self._folder(tag) / PROVENANCE_FILE, provenance.with_experiment(experiment, parent))

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

    def promote(self, tag: str, *, overrule: bool = False, reason: str = "") -> tuple[str, ...]:
        """Make a version the champion; promoting an older one rolls back.

        reason: reason of the change, for the history. Returns the overruled reasons, which the history records too.
        The champion can be promoted again, whatever its checks. Raises NoVersionError, StoreError for a damaged version
        or one whose checks are of other bytes, RefusedVersionError for a refused version without `overrule`.
        """
        name = tag.partition(":")[0]
        with self.locked(name):  # a deletion at the same time must not take the files
            folder = self.path(tag)
            try:
                self.check_files(tag)
            except ServingError as error:
                raise StoreError(f"{tag} cannot be promoted, its files are damaged: {error}") from error
            reasons = read_reasons(folder)
            if reasons and not overrule and tag != self.champion(name):
                raise RefusedVersionError(
                    f"{tag} must have passed its gates to be promoted, found it refused:\n"
                    + "\n".join(f"  {reason}" for reason in reasons)
                    + f"\nto serve it anyway: `mtl promote {tag} --overrule`"
                )
            set_champion(self.home, name, tag, overruled=reasons, reason=reason)
            clear_decision(folder)
        return reasons

    def check_files(self, tag: str, *, checks: bool = True) -> None:
        """Raise ServingError unless a version's files are those that were saved, and those that were checked.

        checks: False for a service, which does not need them.
        """
        check_version_files(self.path(tag), tag.partition(":")[2], checks=checks)

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
        return sorted(tags, key=lambda tag: (self.created(tag), tag), reverse=True)

    def damage(self, tag: str) -> str | None:
        """The reason for which a version cannot be served; None if it is intact."""
        folder = self.path(tag)
        try:
            self.check_files(tag)
            read_reasons(folder)
        except ServingError as error:
            return str(error)
        return None

    def created(self, tag: str) -> datetime:
        """Time of the first save of a version (UTC)."""
        try:
            return bentoml.models.get(tag, _model_store=self._models).creation_time
        except Exception:  # a damaged model.yaml: BentoML's exceptions for it share no base class
            seconds = (self._folder(tag) / "model.yaml").stat().st_mtime
            return datetime.fromtimestamp(seconds, UTC)

    def _create(self, tag: str, files: Mapping[str, bytes], signature: Signature) -> None:
        """Write a new version's folder; what a crash left in its place is removed."""
        folder = self._folder(tag)
        shutil.rmtree(folder, ignore_errors=True)
        os.environ["BENTOML_DO_NOT_TRACK"] = "True"  # otherwise BentoML reports every saved model
        metadata = {"graph_sha256": signature.graph_sha256, "trunkline": signature.version_of_trunkline}
        with bentoml.models.create(tag, metadata=metadata, _model_store=self._models) as stored:
            for name, content in files.items():
                Path(stored.path_of(name)).write_bytes(content)
        folder.chmod(0o755)  # BentoML's 0700 would hide it from the service's user
        for path in folder.iterdir():
            path.chmod(0o644)

    def _folder(self, tag: str) -> Path:
        name, _, version = tag.partition(":")
        return self.home / "models" / name / version

    def _is_stored(self, tag: str) -> bool:
        return (self._folder(tag) / "model.yaml").is_file()

    def _is_intact(self, tag: str) -> bool:
        try:
            self.check_files(tag, checks=False)
        except ServingError:
            return False
        return True

    @contextlib.contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Hold the lock of a model name, or of the name in a tag: flows that save or promote at once take turns."""
        path = champion_file(self.home, name.partition(":")[0]).with_suffix(".lock")
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
