"""Retention of versions: pins, and the deletion of old versions.

HOME/models/NAME/VERSION/pinned.json    {"at"}; a pinned version is never deleted
HOME/deleted/NAME/                      folders that are being removed: a rename takes a version out of the store in
                                        one step, and what a crash leaves here is removed by the next deletion
"""

import os
import secrets
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from serving.aliases import previous
from serving.champion import write_json
from serving.decisions import waiting_versions
from serving.store import Store

PIN_FILE = "pinned.json"


class Pin(msgspec.Struct, frozen=True, kw_only=True):
    """Protection of a version from deletion, and since when (UTC)."""

    at: datetime


class OldVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A version to delete, and the limit that it exceeds."""

    version: str
    reason: str


def pin(store: Store, tag: str) -> None:
    """Protect a version from deletion; raises NoVersionError."""
    with store.locked(tag):
        write_json(store.path(tag) / PIN_FILE, Pin(at=datetime.now(UTC)))


def unpin(store: Store, tag: str) -> None:
    """Remove the protection of `pin`, if there is one; raises NoVersionError."""
    with store.locked(tag):
        (store.path(tag) / PIN_FILE).unlink(missing_ok=True)


def is_pinned(store: Store, tag: str) -> bool:
    """True if a version is protected; also by a damaged file, since deleting cannot be undone."""
    return (store.path(tag) / PIN_FILE).exists()


def prune(
    store: Store, name: str, *, keep: int | None, max_age: timedelta | None, dry_run: bool = False
) -> tuple[OldVersion, ...]:
    """Delete versions beyond the newest `keep`, and those older than `max_age`; None switches a limit off.

    Never deletes the champion, the previous champion, the newest version, one that waits for approval and a pinned one.
    A service that serves a deleted version is not disturbed, since it holds the graph in memory. Returns the deleted
    versions, oldest last; with `dry_run` those that would be deleted. Raises StoreError for a broken pointer.
    """
    with store.locked(name):
        old = tuple(_old_versions(store, name, keep, max_age))
        if not dry_run:
            deleted = store.home / "deleted" / name
            for version in old:
                _delete(store.path(version.version), deleted)
            if deleted.exists():
                shutil.rmtree(deleted, ignore_errors=True)
    return old


def _old_versions(store: Store, name: str, keep: int | None, max_age: timedelta | None) -> Iterator[OldVersion]:
    tags = store.versions(name)
    protected = {store.champion(name), previous(store, name), *tags[:1], *waiting_versions(store, name)}
    now = datetime.now(UTC)
    for position, tag in enumerate(tags):
        if tag in protected or is_pinned(store, tag):
            continue
        age = now - store.created(tag)
        if keep is not None and position >= keep:
            yield OldVersion(version=tag, reason=f"not among the newest {keep}")
        elif max_age is not None and age > max_age:
            yield OldVersion(version=tag, reason=f"{age.days} days old, more than {max_age.days}")


def _delete(folder: Path, deleted: Path) -> None:
    deleted.mkdir(parents=True, exist_ok=True)
    target = deleted / f"{folder.name}-{secrets.token_hex(4)}"
    os.replace(folder, target)  # noqa: PTH105  # as everywhere in the store
    shutil.rmtree(target, ignore_errors=True)
