"""The folder of a new problem: its files, git and DVC, and the pin of its data."""

import filecmp
import logging
import shutil
from collections.abc import Mapping
from contextlib import suppress
from importlib.resources import files
from pathlib import Path

from flows.deployments.prefect_yaml import DEPLOYMENTS, deployments_text
from flows.draft.source import DataSource, unread_files
from flows.git import git_output
from flows.pipeline.graph import GRAPH, graph_text
from flows.pipeline.pin import DATA, PIN, pin
from mtl_core.config import PARAMS
from mtl_core.errors import DataError, ProblemError, ToolError
from mtl_core.files import pending, write_text

STUDIES = "studies/README.md"
"""Keeps that folder in git: the stage `report` depends on it."""
COMMITTED = (PARAMS, GRAPH, DEPLOYMENTS, PIN, STUDIES, ".gitignore", ".dvcignore", ".dvc")
IGNORED = ("/artifacts/", "/.trunkline/", f"/{DATA}/", "/inbox/")


def data_path(source: DataSource, folder: Path) -> str:
    """Path of the data relative to the problem's folder: unchanged if they are in data/, else a copy in data/.

    Raises DataError for a folder in data/ with files that the problem could not read.
    """
    root = source.root
    if root.is_relative_to(folder / DATA):
        if others := unread_files(source):
            raise DataError(f"{root}: must have only column files, found {others[0].name}; move it out of the folder")
        return root.relative_to(folder).as_posix()
    return f"{DATA}/{root.name if root.is_dir() else root.stem + root.suffix.lower()}"


def data_files(source: DataSource, folder: Path, data: str) -> dict[Path, Path]:
    """File of the problem's data -> the file that it is a copy of; the same if the data are in data/."""
    root = folder / data
    return {root / path.relative_to(source.root) if path != source.root else root: path for path in source.files}


def check_free(folder: Path, sources: Mapping[Path, Path], name: str) -> None:
    """Raises ProblemError if a file with other content would be overwritten. `sources`: see `data_files`.

    An earlier call that was interrupted leaves no params.yaml, and perhaps the other files with the same content.
    """
    pinned = folder / PIN
    conflicts = [folder / PARAMS] if (folder / PARAMS).exists() else []
    if pinned.exists() and {path for path in (folder / DATA).rglob("*") if path.is_file()} != set(sources):
        conflicts.append(pinned)
    written = {folder / GRAPH: graph_text(), folder / DEPLOYMENTS: deployments_text(name)}
    conflicts += [path for path, text in written.items() if path.exists() and path.read_bytes() != text.encode()]
    conflicts += [
        copy for copy, file in sources.items() if copy != file and copy.exists() and not filecmp.cmp(file, copy, False)
    ]
    if conflicts:
        names = ", ".join(path.name for path in conflicts)
        raise ProblemError(
            f"{folder}: must not contain a problem yet, found {names}; choose another folder with -C FOLDER"
        )


def write_folder(folder: Path, sources: Mapping[Path, Path], data: str, params: str, name: str) -> list[str]:
    """Write all files of the problem; returns a line per completed step. `sources`: see `data_files`."""
    steps = [f"wrote {PARAMS}, {GRAPH}, {DEPLOYMENTS}"]
    copies = {copy: file for copy, file in sources.items() if copy != file}
    for copy, file in copies.items():
        with pending(copy) as path, file.open("rb") as content, path.open("wb") as target:
            shutil.copyfileobj(content, target)
    if copies:
        copied = f"{len(copies)} files" if folder / data not in copies else copies[folder / data].name
        steps.append(f"copied {copied} to {data}")
    write_text(folder / GRAPH, graph_text())
    write_text(folder / DEPLOYMENTS, deployments_text(name))
    write_text(folder / STUDIES, files("flows.draft").joinpath("studies.md").read_text(encoding="utf-8"))
    _ignore(folder / ".gitignore")
    steps += _init_repositories(folder)
    # params.yaml comes last, since it makes the folder a problem: after a failure the same command can run again.
    with pending(folder / PARAMS) as draft:
        draft.write_bytes(params.encode())
        pin(folder)
    steps.append(f"pinned {DATA}/ as {PIN}")
    return steps + _first_commit(folder)


def _first_commit(folder: Path) -> list[str]:
    """Commit the problem if the repository has no commit yet: an experiment is recorded on top of one."""
    if git_output(folder, "rev-parse", "--git-dir") is None or git_output(folder, "rev-parse", "--verify", "HEAD"):
        return []
    names = [name for name in COMMITTED if (folder / name).exists()]
    commit = ("commit", "--quiet", "--no-gpg-sign", "--message", "New problem, drafted by `mtl init`", "--")
    if git_output(folder, "add", "--", *names) is None or git_output(folder, *commit, *names) is None:
        return [
            "could not create the first commit; are user.name and user.email set in git? Experiments are recorded "
            "once there is a commit: git add . && git commit"
        ]
    return ["created the first commit"]


def _ignore(path: Path) -> None:
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    missing = [line for line in IGNORED if line not in text.splitlines()]
    if missing:
        write_text(path, text + ("\n" if text and not text.endswith("\n") else "") + "\n".join(missing) + "\n")


def _init_repositories(folder: Path) -> list[str]:
    """Initialise git and DVC, unless the folder is in a DVC repository; an existing git repository is used."""
    from dvc.exceptions import NotDvcRepoError
    from dvc.repo import Repo

    with suppress(NotDvcRepoError):
        Repo.find_root(str(folder))
        return []
    steps = []
    if git_output(folder, "rev-parse", "--show-toplevel") is None and init_git(folder):
        steps.append("initialised a git repository")
    return [*steps, init_dvc(folder)]


def init_git(folder: Path) -> bool:
    """Make the folder a git repository, also inside of another one; False without git."""
    return git_output(folder, "init", "--quiet") is not None


def init_dvc(folder: Path) -> str:
    """Make the folder a DVC repository, also inside of another one; a sentence about it."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    logging.getLogger("dvc").setLevel(logging.WARNING)  # else it advises to commit
    root = git_output(folder, "rev-parse", "--show-toplevel")
    try:
        subdir = root is not None and Path(root) != folder
        with Repo.init(str(folder), no_scm=root is None, subdir=subdir) as repo, repo.config.edit("repo") as config:
            config["core"]["analytics"] = False
    except DvcException as error:
        raise ToolError(f"DVC in {folder}: {error}") from None
    without_git = "" if root else ", without git: experiments will not be recorded"
    return f"initialised a DVC repository{without_git}"
