"""`data/` and `data.dvc`: fetch the pinned data, or name the differences.

DVC keeps the list of a folder's files in its cache, which a fresh clone does not have. The pin therefore has the list
too, under `meta`, which DVC does not change.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flows.pipeline.dvc_remote import pull
from flows.pipeline.graph import open_repository
from flows.pipeline.listing import Listing, differences, folder_hash, list_files, md5
from mtl_core.errors import DataError, ToolError

DATA, PIN, FETCH = "data", "data.dvc", "fetch_data.py"


def pin(folder: Path) -> None:
    """Pin `data/` as it is: in DVC's cache, and as `data.dvc`."""
    with open_repository(folder) as repo:
        (stage,) = repo.add(str(folder / DATA))
        stage.meta = {"files": dict(list_files(folder / DATA))}
        stage.dump()


def fetch(folder: Path) -> str:
    """Fetch the data that `data.dvc` pins; a sentence about the outcome. Files that differ are never overwritten.

    Raises DataError if they differ, ToolError if they cannot be fetched.
    """
    if not (folder / PIN).exists():
        return f"no {PIN}: the data are not pinned; run `dvc add {DATA}` to pin them"
    with open_repository(folder) as repo:
        if _is_clean(repo, folder):
            return f"{DATA}/ matches {PIN}"
        present = list_files(folder / DATA)
        source = "already present"
        if folder_hash(present) != _pinned_digest(repo, folder):
            pinned = _pinned(repo, folder)
            if present and (pinned is None or any(pinned.get(name) != md5 for name, md5 in present.items())):
                raise DataError(_difference(folder, pinned, present))
            source = _download(repo, folder)
            present = list_files(folder / DATA)
            if folder_hash(present) != _pinned_digest(repo, folder):
                raise DataError(_difference(folder, pinned, present))
        repo.commit(str(folder / PIN), force=True)  # the same content, now in DVC's cache too
        if not _is_clean(repo, folder):
            raise ToolError(f"{folder / PIN}: must be clean after `dvc commit`, found changes; see `dvc status {PIN}`")
    return f"{DATA}/ matches {PIN}: {len(present)} files, {source}"


@contextmanager
def exclusive_data(folder: Path) -> Iterator[None]:
    """Keep other DVC commands from reading or writing `data/` in the block; RunInProgress if one does already.

    `dvc repro` hashes a dependency after its stage has run, without any lock of ours.
    """
    from dvc.repo import lock_repo
    from dvc.rwlock import rwlock

    with open_repository(folder) as repo, lock_repo(repo):
        hardlink = repo.config["core"].get("hardlink_lock", False)
        with rwlock(repo.tmp_dir, repo.fs, "mtl ingest", [], [str(folder / DATA)], hardlink):
            yield


def pinned_files(folder: Path) -> Listing:
    """The files that `data.dvc` pins; the present ones must match it."""
    with open_repository(folder) as repo:
        pinned = _pinned(repo, folder)
    return list_files(folder / DATA) if pinned is None else pinned


def pin_with(folder: Path, files: Mapping[str, Path], pinned: Listing) -> str:
    """Text of `data.dvc` after files are added or replaced, as `pin` writes it. `data/` must match it before.

    Args:
        files: name below data/ -> file with its new content.
        pinned: see `pinned_files`.
    """
    from dvc.utils.serialize import dumps_yaml, parse_yaml_for_update

    path = folder / PIN
    document = parse_yaml_for_update(path.read_text(encoding="utf-8"), str(path))
    listing = dict(sorted({**pinned, **{name: md5(file) for name, file in files.items()}}.items()))
    (output,) = document["outs"]
    before = sum((folder / DATA / name).stat().st_size for name in files if name in pinned)
    output["md5"] = folder_hash(listing)
    output["size"] += sum(file.stat().st_size for file in files.values()) - before
    output["nfiles"] = len(listing)
    document["meta"] = {**document.get("meta", {}), "files": listing}
    return str(dumps_yaml(document))


def cache(folder: Path) -> None:
    """Add the files of `data/`, which match `data.dvc`, to DVC's cache."""
    with open_repository(folder) as repo:
        repo.commit(str(folder / PIN), force=True)


def push(folder: Path) -> str:
    """Push the data to the default remote; a sentence about the outcome, "" without a remote. Raises ToolError."""
    with open_repository(folder) as repo:
        if not (remote := repo.config["core"].get("remote")):
            return ""
        try:
            count = repo.push([str(folder / PIN)])
        except Exception as error:  # each kind of remote has errors of its own
            raise ToolError(
                f"DVC remote {remote}: must take the data, found {error!r:.300}; {DATA}/ and {PIN} are complete here, "
                "and the next `mtl ingest`, or `dvc push`, pushes them again"
            ) from error
    return f"pushed {count} files to remote {remote}" if count else f"remote {remote} has all files"


def pinned_data(folder: Path) -> tuple[str, Listing]:
    """DVC's hash of the data that `data.dvc` pins, and their files, none if neither it nor DVC's cache lists them."""
    with open_repository(folder) as repo:
        return _pinned_digest(repo, folder), _pinned(repo, folder) or {}


def present_hash(folder: Path) -> str:
    """DVC's hash of `data/` as it is."""
    return folder_hash(list_files(folder / DATA))


def _is_clean(repo: Any, folder: Path) -> bool:
    return not repo.status([str(folder / PIN)])


def _download(repo: Any, folder: Path) -> str:
    """Pull from DVC's remote, else run fetch_data.py; a phrase about the source."""
    if remote := repo.config["core"].get("remote"):
        pull(repo, folder / PIN, remote)
        return f"pulled from remote {remote}"
    if not (folder / FETCH).exists():
        raise DataError(
            f"{folder / DATA}: must match {PIN}, found neither the data nor a source: add a DVC remote "
            f"(`dvc remote add --default NAME URL`) or a {FETCH}"
        )
    code = subprocess.run([sys.executable, FETCH], cwd=folder, check=False).returncode
    if code:
        raise ToolError(f"{folder / FETCH}: must end with code 0, found {code}; see its output above")
    return f"written by {FETCH}"


def _pinned_digest(repo: Any, folder: Path) -> str:
    (stage,) = repo.stage.collect(str(folder / PIN))
    return str(stage.outs[0].hash_info.value)


def _pinned(repo: Any, folder: Path) -> Listing | None:
    """The pinned files: from the pin's list if it is current, else from DVC's cache; None if neither has them."""
    (stage,) = repo.stage.collect(str(folder / PIN))
    digest = _pinned_digest(repo, folder)
    listing = (stage.meta or {}).get("files")
    if listing and folder_hash(listing) == digest:
        return {str(name): str(md5) for name, md5 in listing.items()}
    try:
        rows = json.loads(Path(repo.cache.local.oid_to_path(digest)).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return {row["relpath"]: row["md5"] for row in rows}


def _difference(folder: Path, pinned: Listing | None, present: Listing) -> str:
    if pinned is None:
        found = f"the pinned list of files is not in the DVC cache; found {len(present)} files with another digest"
    else:
        found = differences(pinned, present)
    return (
        f"{folder / DATA}: must match {PIN}, found differences: {found}. "
        f"To pin the present files: `dvc add {DATA}`. To restore the pinned data: remove those files and run `mtl data`"
    )
