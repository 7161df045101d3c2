"""Data of a version: from DVC's cache, the present `data/`, a DVC remote, or fetch_data.py."""

import shutil
from pathlib import Path

from flows.pipeline.graph import open_repository
from flows.pipeline.pin import DATA, PIN, fetch, pinned_data, present_hash
from flows.reproduce.errors import NotReproducible
from mtl_core.errors import DataError, ToolError
from serving.provenance import PinnedData

CACHE_REMOTE = "source-cache"
"""Name of the DVC remote that is the cache of the source."""


def restore_data(source: Path, folder: Path, data: PinnedData) -> str:
    """Write `data/` into the clone; a sentence about the source. Raises NotReproducible with all attempts.

    Args:
        source: the user's folder of the problem.
        folder: the problem's folder in the clone, configured by `configure_dvc`.
    """
    attempts = []
    is_pinned = (folder / PIN).exists() and pinned_data(folder)[0] == data.hash
    if is_pinned:
        try:
            with open_repository(folder) as repo:
                repo.pull([str(folder / PIN)], remote=CACHE_REMOTE)
        except (DataError, ToolError):
            attempts.append("DVC's cache does not have them")
        else:
            return f"{DATA}/: from DVC's cache"
    else:
        attempts.append(
            f"the version's {PIN} pins other data, or none: `dvc add {DATA}` was not run before the training"
        )
    if present_hash(source) == data.hash:
        shutil.rmtree(folder / DATA, ignore_errors=True)
        shutil.copytree(source / DATA, folder / DATA)
        return f"{DATA}/: copied from {source / DATA}"
    attempts.append(f"{source / DATA} has other files")
    if is_pinned:
        try:
            return fetch(folder)
        except (DataError, ToolError) as error:
            attempts.append(str(error))
    raise NotReproducible(f"data with the hash {data.hash}: {'; '.join(attempts)}")
