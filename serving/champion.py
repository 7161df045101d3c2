"""The champion of a model name: one pointer file that names the served version and all promotions.

    HOME/champions/NAME.json                {"champion": "NAME:VERSION", "promotions": [{"at", "from", "to"}, ...]},
                                            with "overruled" in a promotion of a version that was refused, and
                                            "reason" where one was given
    HOME/champions/NAME.load_failure.json   {"champion", "serving", "reason", "at"}, while a service cannot load it

Files are replaced atomically, so a reader sees the old champion or the new one. HOME is BentoML's home.
"""

import contextlib
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from serving.errors import DamagedError, NoChampionError, ServingError

MAX_PROMOTIONS = 1_000  # older ones are removed


ROLLBACK = "rollback"
"""First word of the reason of a promotion by `mtl rollback`."""


class Promotion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Change of champion: when (UTC), from which version (None the first time), to which."""

    at: datetime
    before: str | None = msgspec.field(name="from")
    after: str = msgspec.field(name="to")
    overruled: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    """Reasons for which the version had been refused; absent from the file where there are none."""
    reason: str | msgspec.UnsetType = msgspec.UNSET
    """Reason of the change; absent from the file where none was given."""


class Champion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Content of a pointer file."""

    champion: str
    promotions: tuple[Promotion, ...]


class LoadFailure(msgspec.Struct, frozen=True, kw_only=True):
    """Failure of a service to load a champion: the version served instead, the reason, and when (UTC)."""

    champion: str
    serving: str
    reason: str
    at: datetime


def champion_file(home: Path, name: str) -> Path:
    """Path of the pointer of a model name; the file need not exist."""
    return home / "champions" / f"{name}.json"


def read_champion(home: Path, name: str) -> Champion:
    """The pointer of a model name; NoChampionError if nothing was promoted, DamagedError if the file is broken."""
    if (champion := find_champion(home, name)) is None:
        raise NoChampionError(
            f"model {name!r} has no champion: {champion_file(home, name)} does not exist; run `mtl retrain` to train "
            "and promote a model"
        )
    return champion


def find_champion(home: Path, name: str) -> Champion | None:
    """The pointer of a model name, None if nothing was promoted; DamagedError if the file is broken."""
    path = champion_file(home, name)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Champion)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DamagedError(
            f"{path}: must point to a version, found {error}; remove the file and promote a version again"
        ) from error


def set_champion(home: Path, name: str, tag: str, *, overruled: tuple[str, ...] = (), reason: str = "") -> None:
    """Make a version the champion, in one atomic step.

    overruled: reasons for which it had been refused. reason: reason of the change, for the history. If it is the
    champion already, only the file's time changes: a service that could not load it tries again.
    """
    path, current = champion_file(home, name), find_champion(home, name)
    if current is not None and current.champion == tag:
        path.touch()
        return
    promotion = Promotion(
        at=datetime.now(UTC),
        before=current.champion if current else None,
        after=tag,
        overruled=overruled or msgspec.UNSET,
        reason=reason or msgspec.UNSET,
    )
    earlier = current.promotions if current else ()
    write_json(path, Champion(champion=tag, promotions=(*earlier, promotion)[-MAX_PROMOTIONS:]))


def read_load_failure(home: Path, name: str) -> LoadFailure | None:
    """The failure of a service to load the present champion; None without one, or if it is of an earlier champion."""
    try:
        failure = msgspec.json.decode(_load_failure_file(home, name).read_bytes(), type=LoadFailure)
        return failure if read_champion(home, name).champion == failure.champion else None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, ServingError):
        return None


def write_load_failure(home: Path, name: str, failure: LoadFailure) -> None:
    """Record that a service could not load a champion."""
    write_json(_load_failure_file(home, name), failure)


def clear_load_failure(home: Path, name: str) -> None:
    """Remove the record of a failure to load a champion, if there is one."""
    _load_failure_file(home, name).unlink(missing_ok=True)


def _load_failure_file(home: Path, name: str) -> Path:
    return champion_file(home, name).with_suffix(".load_failure.json")


def write_json(path: Path, document: msgspec.Struct) -> None:
    """Replace a JSON file atomically."""
    write_atomically(path, encode(document))


def encode(document: msgspec.Struct) -> bytes:
    """JSON of a document of the store, indented."""
    return msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"


def write_atomically(path: Path, content: bytes) -> None:
    """Replace a file so that a reader, also after a crash, finds the old content or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)  # noqa: PTH101  # mkstemp gives a str; its mode 0600 would hide the file from the service's user
        os.replace(temporary, path)  # noqa: PTH105  # as above
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)  # noqa: PTH108  # as above
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the rename must survive a crash too
    finally:
        os.close(folder)
