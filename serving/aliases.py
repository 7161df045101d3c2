"""Names of versions by their role: `champion`, `previous`, `challenger`; and prefixes of versions."""

from serving.errors import NoVersionError
from serving.store import Store

ALIASES = ("champion", "previous", "challenger")
MIN_PREFIX = 4
"""Characters of a prefix: a shorter one would often be ambiguous later."""


def resolve(store: Store, name: str, version: str) -> str:
    """The tag of a version in the store.

    name: the model name. version: an alias, a tag `NAME:VERSION`, the part after the colon, or a unique prefix of that
    part. Raises NoVersionError, StoreError for a broken pointer.
    """
    before, colon, after = version.rpartition(":")
    name, version = (before, after) if colon else (name, version)
    if version in ALIASES:
        return _by_role(store, name, version)
    tag = f"{name}:{version}"
    tags = store.versions(name)
    if tag not in tags and len(version) >= MIN_PREFIX:
        matches = [other for other in tags if other.startswith(tag)]
        if len(matches) > 1:
            raise NoVersionError(
                f"version {version!r} must be unique, found {len(matches)} that begin with it: "
                f"{', '.join(matches[:5])}; write more digits"
            )
        tag = matches[0] if matches else tag
    store.path(tag)  # raises NoVersionError, with the known versions
    return tag


def previous(store: Store, name: str) -> str | None:
    """The champion before the present one; after a rollback the one that was rolled back. None without one."""
    promotions = store.promotions(name)
    return promotions[-1].before if promotions else None


def challenger(store: Store, name: str) -> str | None:
    """The newest version that is not the champion; None without one."""
    champion = store.champion(name)
    return next((tag for tag in store.versions(name) if tag != champion), None)


def _by_role(store: Store, name: str, alias: str) -> str:
    match alias:
        case "champion":
            tag, fix = store.champion(name), "run `mtl retrain` to train and promote a model"
        case "previous":
            tag, fix = previous(store, name), "the champion was never replaced; `mtl models` lists all versions"
        case _:
            tag, fix = challenger(store, name), "run `mtl retrain` to train one"
    if tag is None:
        raise NoVersionError(f"model {name!r} has no {alias}: {fix}")
    if tag not in store.versions(name):
        raise NoVersionError(
            f"the {alias} of model {name!r} is {tag}, which is no longer in the store; restore its folder, or promote "
            "another version (`mtl models` lists them)"
        )
    return tag
