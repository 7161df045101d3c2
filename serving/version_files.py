"""Files of a version: the graph, its signature, the checks of exactly these bytes, and their provenance."""

import hashlib
from pathlib import Path

from serving.champion import write_json
from serving.errors import StoreError
from serving.model import read_export
from serving.provenance import PROVENANCE_FILE, ModelProvenance, read_provenance
from serving.refused import CHECKS_FILE, Checks, read_checks
from serving.signature import SIGNATURE_FILE

VERSION_DIGITS = 16
"""Digits of the hash of signature.json, which has the hash of model.onnx, in the tag of a version."""


def version_tag(name: str, signature: bytes) -> str:
    """The tag of a model with that content of signature.json."""
    return f"{name}:{hashlib.sha256(signature).hexdigest()[:VERSION_DIGITS]}"


def check_version_files(folder: Path, version: str, *, checks: bool) -> None:
    """Raise ServingError unless the files are those that were saved and, with `checks`, those that were checked.

    version: the part of the tag after the colon. Checks that name no bytes, written by an earlier version of Trunkline,
    are accepted here; a new version with such checks cannot be saved.
    """
    signature, _ = read_export(folder)
    digest = sha256(folder / SIGNATURE_FILE)
    if not version or not digest.startswith(version):
        raise StoreError(
            f"{folder / SIGNATURE_FILE}: its SHA-256 must begin with {version}, found {digest}; `mtl retrain` on the "
            "same data and params writes it again"
        )
    if checks and (outcome := read_checks(folder / CHECKS_FILE)).is_bound:
        check_binding(folder / CHECKS_FILE, outcome, graph=signature.graph_sha256, signature=digest)


def check_binding(path: Path, checks: Checks, *, graph: str, signature: str) -> None:
    """Raise StoreError unless the checks that were read from `path` name these hashes."""
    for file, checked, present in (
        ("model.onnx", checks.graph_sha256, graph),
        (SIGNATURE_FILE, checks.signature_sha256, signature),
    ):
        if checked != present:
            raise StoreError(
                f"{path}: must be the checks of the {file} that is saved, with SHA-256 {present}, found those of "
                f"{checked or 'unnamed bytes'}; `mtl retrain` checks and saves the present files"
            )


def update_provenance(folder: Path, later: ModelProvenance) -> None:
    """Write the provenance of a version that is saved again: the first one, unless `later` replaces it."""
    try:
        first = read_provenance(folder)
    except StoreError:
        first = None  # damaged
    kept = later if first is None else first.replaced_by(later)
    if kept != first:
        write_json(folder / PROVENANCE_FILE, kept)


def sha256(path: Path) -> str:
    """Hash of a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
