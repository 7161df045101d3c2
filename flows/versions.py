"""Versions of a problem's store, as `mtl models` describes them."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from flows.environment import store_home
from mtl_core.config.document import problem_name, read_params
from mtl_core.config.store import StoreOptions
from mtl_core.errors import ProblemError
from serving.aliases import previous, resolve
from serving.champion import read_load_failure
from serving.decisions import VersionDecision, decision_of
from serving.errors import StoreError
from serving.provenance import ModelProvenance
from serving.refused import CHECKS_FILE
from serving.retention import is_pinned
from serving.store import Store


def open_store(folder: Path) -> tuple[Store, str]:
    """The store of a problem's folder, and the name of its models there."""
    return Store(store_home(folder)), problem_name(folder)


def find_version(folder: Path, version: str) -> tuple[Store, str]:
    """The store, and the tag of a version that a user names; raises NoVersionError."""
    store, name = open_store(folder)
    return store, resolve(store, name, version)


def describe_all(store: Store, name: str) -> list[dict[str, Any]]:
    """A description per version, newest first; raises StoreError for a broken pointer, not for a damaged version."""
    roles = _roles(store, name)
    return [_describe(store, tag, roles) for tag in store.versions(name)]


def describe_fully(store: Store, tag: str) -> dict[str, Any]:
    """The description of `describe_all`, with the whole provenance and the changes of champion from and to the version.

    Raises NoVersionError, StoreError for a broken pointer.
    """
    name = tag.partition(":")[0]
    provenance, _ = _provenance(store, tag)
    history = [each for each in store.promotions(name) if tag in (each.before, each.after)]
    return {
        **_describe(store, tag, _roles(store, name)),
        "history": msgspec.to_builtins(history),
        "provenance": msgspec.to_builtins(provenance) if provenance else None,
    }


def _roles(store: Store, name: str) -> dict[str | None, str]:
    """Version -> `champion` or `previous`, of the versions that have such a role."""
    return {previous(store, name): "previous", store.champion(name): "champion"}


def _describe(store: Store, tag: str, roles: Mapping[str | None, str]) -> dict[str, Any]:
    """Status, age, provenance, checks and metrics of a version."""
    failure = read_load_failure(store.home, tag.partition(":")[0])
    role = roles.get(tag)
    is_champion = role == "champion"
    damage = store.damage(tag)
    checks: dict[str, Any] = {"passed": False, "checks": []}
    if damage is None:
        checks |= json.loads((store.path(tag) / CHECKS_FILE).read_text(encoding="utf-8"))
    refused = list(store.refusal(tag)) or None if damage is None else None
    decision, decision_damage = _decision(store, tag)
    created = store.created(tag)
    provenance, provenance_damage = _provenance(store, tag)
    code, data = (provenance.code, provenance.data) if provenance else (None, None)
    return {
        "version": tag,
        "status": role or ("refused" if refused else decision.outcome if decision else "stored"),
        "created": created.isoformat(),
        "age_seconds": round((datetime.now(UTC) - created).total_seconds()),
        "data": data.hash if data else None,
        "git": code.revision if code else None,
        "changed": list(code.changed) if code else None,
        "pinned": is_pinned(store, tag),
        "refused": refused,
        "decision": decision and {"outcome": decision.outcome, "reasons": list(decision.reasons)},
        "overruled": list(store.overruled(tag)) or None,
        "damage": damage or decision_damage,
        "provenance_damage": provenance_damage,
        **checks,
        "champion": is_champion,
        "load_failure": failure.reason if failure and is_champion else None,
    }


def retention_limits(folder: Path, keep: int | None, max_age: str | None) -> tuple[int | None, timedelta | None]:
    """The limits that a user gives or, without any, those of `store` in params.yaml; raises ProblemError."""
    from pydantic import ValidationError

    from mtl_core.config.messages import format_errors

    document = read_params(folder)
    options = {"keep": keep, "max_age": max_age}
    if keep is None and max_age is None:
        options = document.get("store", {}) if isinstance(document, dict) else {}
    try:
        limits = StoreOptions.model_validate(options)
    except ValidationError as error:
        raise ProblemError(format_errors(error, StoreOptions, "limits of the store")) from None
    if limits.keep is None and limits.max_age is None:
        raise ProblemError(
            "--keep, --max-age: a limit is required, found none, nor a section `store` in params.yaml; e.g. --keep 20"
        )
    return limits.keep, limits.age_limit


def _decision(store: Store, tag: str) -> tuple[VersionDecision | None, str | None]:
    """Decision about a version, and the error of a damaged one."""
    try:
        return decision_of(store, tag), None
    except StoreError as error:
        return None, str(error)


def _provenance(store: Store, tag: str) -> tuple[ModelProvenance | None, str | None]:
    """Provenance of a version, and the error of a damaged one."""
    try:
        return store.provenance(tag), None
    except StoreError as error:
        return None, str(error)
