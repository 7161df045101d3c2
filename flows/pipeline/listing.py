"""Listings of a folder's files, by DVC's hashes."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

MAX_SHOWN = 5

Listing = Mapping[str, str]
"""Path below the folder -> md5."""


def list_files(data: Path) -> Listing:
    """All files below the folder."""
    files = sorted(path for path in data.rglob("*") if path.is_file())
    return {path.relative_to(data).as_posix(): md5(path) for path in files}


def md5(path: Path) -> str:
    """MD5 of a file, by which DVC names its content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def folder_hash(listing: Listing) -> str:
    """DVC's hash of a folder with these files."""
    rows = [{"md5": listing[name], "relpath": name} for name in sorted(listing)]
    return hashlib.md5(json.dumps(rows).encode(), usedforsecurity=False).hexdigest() + ".dir"


def differences(pinned: Listing, present: Listing) -> str:
    """The names that are missing, not pinned or changed, as text."""
    kinds = {
        "missing": [name for name in pinned if name not in present],
        "not pinned": [name for name in present if name not in pinned],
        "changed": [name for name in present if name in pinned and pinned[name] != present[name]],
    }
    return "; ".join(f"{kind}: {_first(names)}" for kind, names in kinds.items() if names)


def _first(names: list[str]) -> str:
    rest = f" and {len(names) - MAX_SHOWN} more" if len(names) > MAX_SHOWN else ""
    return ", ".join(names[:MAX_SHOWN]) + rest
