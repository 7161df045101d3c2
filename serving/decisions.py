"""Decisions about versions that are neither refused nor promoted, in a file of the version's folder.

HOME/models/NAME/VERSION/decision.json     {"outcome", "champion", "reasons", "at", "flow_run"}

A version has this file or `refused.json`, see refused.py. A promotion removes it: its reason is in the history of
the champion.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from serving.champion import write_json
from serving.errors import NoVersionError, StoreError

if TYPE_CHECKING:
    from serving.store import Store

DECISION_FILE = "decision.json"

Outcome = Literal["kept", "waiting", "superseded"]
"""kept: not better than the champion. waiting: to be promoted once a person approves. superseded: it waited, and a
newer version waits instead.
"""


class VersionDecision(msgspec.Struct, frozen=True, kw_only=True):
    """Outcome for a version, the champion with which it was compared (None without one), reasons, and when (UTC)."""

    outcome: Outcome
    champion: str | None
    reasons: tuple[str, ...]
    at: datetime
    flow_run: str | None = None
    """Id of the Prefect flow run that pauses for the approval."""


def decide_version(
    store: "Store",
    tag: str,
    outcome: Outcome,
    *,
    champion: str | None,
    reasons: tuple[str, ...],
    flow_run: str | None = None,
) -> None:
    """Record the decision about a version; an earlier refusal of it is void, and others no longer wait if it does.

    Raises NoVersionError.
    """
    decision = VersionDecision(
        outcome=outcome, champion=champion, reasons=reasons, at=datetime.now(UTC), flow_run=flow_run
    )
    write_json(store.path(tag) / DECISION_FILE, decision)
    store.accept(tag)
    for other in waiting_versions(store, tag.partition(":")[0]) if outcome == "waiting" else ():
        if other != tag:
            earlier = decision_of(store, other)
            assert earlier is not None
            superseded = msgspec.structs.replace(
                earlier, outcome="superseded", reasons=(f"a newer version waits for approval: {tag}",)
            )
            write_json(store.path(other) / DECISION_FILE, superseded)


def decision_of(store: "Store", tag: str) -> VersionDecision | None:
    """The decision about a version, None without one; raises NoVersionError, StoreError for a broken file."""
    path = store.path(tag) / DECISION_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=VersionDecision)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StoreError(
            f"{path}: must be the record of a decision, found {error}; remove it, and `mtl retrain` on the same data "
            "and params writes it anew"
        ) from error


def waiting_versions(store: "Store", name: str) -> list[str]:
    """Tags of the versions of a name that wait for approval, the newest first; broken files are passed over."""
    return [tag for tag in store.versions(name) if _is_waiting(store, tag)]


def waiting_version(store: "Store", name: str, tag: str | None = None) -> tuple[str, VersionDecision]:
    """The version that waits for approval, or that tag, and its decision; raises NoVersionError if it does not wait."""
    if tag is None:
        waiting = waiting_versions(store, name)
        if not waiting:
            raise NoVersionError(f"{name}: no version waits for approval; `mtl models` lists the versions")
        tag = waiting[0]
    decision = decision_of(store, tag)
    if decision is None or decision.outcome != "waiting":
        state = "is refused" if store.refusal(tag) else f"is {decision.outcome}" if decision else "does not wait"
        champion = " and is the champion" if store.champion(name) == tag else ""
        raise NoVersionError(
            f"{tag}: must wait for approval, but it {state}{champion}; to serve it anyway: `mtl promote {tag}`"
        )
    return tag, decision


def clear_decision(folder: Path) -> None:
    """Remove the decision from a version's folder, if there is one."""
    (folder / DECISION_FILE).unlink(missing_ok=True)


def _is_waiting(store: "Store", tag: str) -> bool:
    try:
        decision = decision_of(store, tag)
    except StoreError:
        return False
    return decision is not None and decision.outcome == "waiting"
