"""The inbox: a folder into which other programs write part files, and files of labels below `updates/`."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flows.ingest.copy import is_unfinished
from flows.ingest.result import IngestResult
from flows.pipeline.pin import DATA
from mtl_core.errors import DataError
from mtl_core.files import write_text

INBOX, UPDATES, REFUSED = "inbox", "updates", "refused"
SETTLE_SECONDS = 5.0
"""Time during which a file must not change to be taken."""

Version = tuple[int, int, int]
"""Inode, size and modification time of a file."""


@dataclass(frozen=True, kw_only=True)
class InboxFiles:
    """Files of an inbox, in the order of their names. Hidden and unfinished files, and links, are not listed."""

    parts: tuple[Path, ...]
    updates: tuple[Path, ...]
    waiting: tuple[Path, ...]
    """Files that still change."""
    versions: dict[Path, Version]


def inbox_folder(folder: Path, inbox: Path | None) -> Path:
    """The inbox of a problem's folder, by default its `inbox/`, which is created; DataError for one in its data."""
    path = folder / (inbox or INBOX)
    if inbox is None:
        path.mkdir(exist_ok=True)
    if not path.is_dir():
        raise DataError(f"{path}: the inbox must be a folder, found none there; create it, or correct the path")
    if path.resolve().is_relative_to((folder / DATA).resolve()):
        raise DataError(f"{path}: the inbox must be outside of {DATA}/, which DVC pins; choose another folder")
    return path


def read_inbox(inbox: Path, settle: float = SETTLE_SECONDS) -> InboxFiles:
    """The files whose size and modification time do not change within `settle` seconds, and those that do."""
    before = _versions(inbox) | _versions(inbox / UPDATES)
    if before:
        time.sleep(settle)
    after = _versions(inbox) | _versions(inbox / UPDATES)
    settled = {path: version for path, version in before.items() if after.get(path) == version}
    return InboxFiles(
        parts=tuple(path for path in settled if path.parent == inbox),
        updates=tuple(path for path in settled if path.parent != inbox),
        waiting=tuple(path for path in after if path not in settled),
        versions=settled,
    )


def clear_inbox(inbox: Path, files: InboxFiles, result: IngestResult) -> None:
    """Remove the accepted files; move the refused ones to `refused/`, each with a file that gives the reason.

    A file that was replaced in the meantime stays.
    """
    reasons = {Path(refused.file): refused.message for refused in result.refused}
    for path, version in files.versions.items():
        if _version(path) != version:
            continue
        if path in reasons:
            target = _unused(inbox / REFUSED, path)
            write_text(target.with_name(f"{target.name}.reason.txt"), f"{reasons[path]}\n")
            path.replace(target)
        else:
            path.unlink()


def names_of(paths: Sequence[Path]) -> tuple[str, ...]:
    """The names of the files."""
    return tuple(path.name for path in paths)


def _versions(folder: Path) -> dict[Path, Version]:
    if not folder.is_dir():
        return {}
    paths = sorted(path for path in folder.iterdir() if not is_unfinished(path))
    return {path: version for path in paths if (version := _version(path))}


def _version(path: Path) -> Version | None:
    """None if there is no regular file. A link is none: who may write to the inbox must not choose other files."""
    try:
        status = path.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    is_regular = path.is_file() and not path.is_symlink()
    return (status.st_ino, status.st_size, status.st_mtime_ns) if is_regular else None


def _unused(folder: Path, path: Path) -> Path:
    """A path for the file in the folder that no earlier refused file has."""
    folder.mkdir(exist_ok=True)
    target, number = folder / path.name, 1
    while os.path.lexists(target):
        number += 1
        target = folder / f"{path.stem}.{number}{path.suffix}"
    return target
