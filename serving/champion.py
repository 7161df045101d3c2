"""The champion: one pointer file per model name that says which version is served, and which were before.

    HOME/champions/NAME.json                {"champion": "NAME:VERSION", "promotions": [{"at", "from", "to"}, ...]},
                                            with "overruled" in a promotion of a version that was refused
    HOME/champions/NAME.load_failure.json   {"champion", "serving", "reason", "at"}, while a service cannot load it

A file is only ever replaced whole, so a reader sees the old champion or the new one. HOME is BentoML's home.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from serving.errors import DamagedError, NoChampionError, ServingError

if TYPE_CHECKING:
    from pathlib import Path

MAX_PROMOTIONS = 1_000  # the last ones are kept


class Promotion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Change of champion: when (UTC), from which version (None the first time), to which."""

    at: datetime
    before: str | None = msgspec.field(name="from")
    after: str = msgspec.field(name="to")
    overruled: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    """Reasons for which the version had been refused; not in the file where it had not."""


class Champion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Content of a pointer file."""

    champion: str
    promotions: tuple[Promotion, ...]


class LoadFailure(msgspec.Struct, frozen=True, kw_only=True):
    """A champion that a service could not load: the version that it serves instead, the reason, and when (UTC)."""

    champion: str
    serving: str
    reason: str
    at: datetime


def champion_file(home: Path, name: str) -> Path:
    """Path of the pointer of a model name; the file need not exist."""
    return home / "champions" / f"{name}.json"


def read_champion(home: Path, name: str) -> Champion:
    """The pointer of a model name; NoChampionError where nothing was promoted, DamagedError where it is broken."""
    path = champion_file(home, name)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Champion)
    except FileNotFoundError as error:
        raise NoChampionError(
            f"model {name!r} has no champion: {path} does not exist; run `mtl retrain` to train and promote a model"
        ) from error
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DamagedError(
            f"{path}: must point to a version, found {error}; remove the file and promote a version again"
        ) from error


def point_to(home: Path, name: str, tag: str, *, overruled: tuple[str, ...] = ()) -> None:
    """Make a version the champion, in one atomic step. `overruled`: reasons for which it had been refused.

    If it is already, the file's time alone changes: a service that could not load it tries again.
    """
    try:
        now = read_champion(home, name)
    except NoChampionError:
        now = None
    if now is not None and now.champion == tag:
        champion_file(home, name).touch()
        return
    step = Promotion(
        at=datetime.now(UTC),
        before=now.champion if now else None,
        after=tag,
        overruled=overruled or msgspec.UNSET,
    )
    past = now.promotions if now else ()
    pointer = Champion(champion=tag, promotions=(*past, step)[-MAX_PROMOTIONS:])
    write_whole(champion_file(home, name), msgspec.json.format(msgspec.json.encode(pointer), indent=1) + b"\n")


def read_load_failure(home: Path, name: str) -> LoadFailure | None:
    """The failure of a service to load the present champion; None where it could, or failed with an earlier one."""
    try:
        found = msgspec.json.decode(_load_failure_file(home, name).read_bytes(), type=LoadFailure)
        return found if read_champion(home, name).champion == found.champion else None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, ServingError):
        return None


def write_load_failure(home: Path, name: str, failure: LoadFailure) -> None:
    """Record that a service could not load a champion."""
    write_whole(_load_failure_file(home, name), msgspec.json.encode(failure) + b"\n")


def clear_load_failure(home: Path, name: str) -> None:
    """Remove the record of a failure to load a champion, if there is one."""
    _load_failure_file(home, name).unlink(missing_ok=True)


def _load_failure_file(home: Path, name: str) -> Path:
    return champion_file(home, name).with_suffix(".load_failure.json")


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file so that a reader, or a crash, meets the old content or the new one and nothing between."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)  # noqa: PTH101  # mkstemp gives a str; its 0600 would hide the file from the service's user
        os.replace(temporary, path)  # noqa: PTH105  # as above
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)  # noqa: PTH108  # as above
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the rename itself must survive a crash too
    finally:
        os.close(folder)
