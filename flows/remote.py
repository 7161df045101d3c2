"""Upload of the champion to the remote store, where one is configured."""

from pathlib import Path

from flows.environment import store_home
from mtl_core.config.document import problem_name
from serving.remote import Remote


def push_champion(folder: Path, *, force: bool = False) -> str:
    """Upload the champion of a problem and then the pointer; a sentence about the outcome, "" without a remote.

    Args:
        force: upload even if the remote has the same pointer, which repairs damaged files.

    Raises ServingError.
    """
    if (remote := Remote.configured()) is None:
        return ""
    pushed = remote.push(store_home(folder), problem_name(folder), force=force)
    return f"{'pushed to' if pushed else 'remote store up to date:'} {remote.files.url}"
