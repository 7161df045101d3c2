"""Folder of a drafted problem: its files, under git and DVC, its data pinned."""

import filecmp
import shutil
from importlib.resources import files
from pathlib import Path

from flows.git import git_output
from flows.pipeline.graph import GRAPH, graph_text
from flows.pipeline.pin import DATA, PIN, pin
from mtl_core.config import PARAMS
from mtl_core.data.part_files import SUFFIXES, suffix
from mtl_core.errors import DataError, ProblemError, ToolError
from mtl_core.files import pending, write_text

STUDIES = "studies/README.md"
"""Keeps that folder in git: the stage `report` depends on it."""
CHUNK = 1 << 20  # bytes
WRITTEN = (PARAMS, GRAPH, PIN, STUDIES, ".gitignore", ".dvcignore", ".dvc")
"""Files that `mtl init` leaves for git."""
IGNORED = ("/artifacts/", "/.trunkline/", f"/{DATA}/")


def place_of(file: Path, folder: Path) -> str:
    """Path of a data file relative to the problem's folder: its own if that is below data/, else one in data/."""
    if suffix(file) not in SUFFIXES:
        raise DataError(
            f"{file}: data must be {', '.join(SUFFIXES)}, found {file.suffix or 'no suffix'}; convert or rename it"
        )
    if file.is_relative_to(folder / DATA):
        return file.relative_to(folder).as_posix()
    return f"{DATA}/{file.stem}{file.suffix.lower()}"


def check_free(folder: Path, place: str, file: Path) -> None:
    """Raises ProblemError where something would be overwritten, other than by what is there already.

    An earlier call that was ended halfway has left no params.yaml, and perhaps the rest.
    """
    copy, graph, pinned = folder / place, folder / GRAPH, folder / PIN
    made = [folder / PARAMS] if (folder / PARAMS).exists() else []
    if pinned.exists() and [path for path in (folder / DATA).rglob("*") if path.is_file()] != [copy]:
        made.append(pinned)
    if graph.exists() and graph.read_bytes() != graph_text().encode():
        made.append(graph)
    if copy != file and copy.exists() and not filecmp.cmp(file, copy, shallow=False):
        made.append(copy)
    if there := [path.name for path in made]:
        raise ProblemError(
            f"{folder}: must not contain a problem yet, found {', '.join(there)}; choose another folder with -C FOLDER"
        )


def make_folder(folder: Path, file: Path, place: str, params: str) -> list[str]:
    """Write all files of the problem; a line per thing that was done."""
    (folder / place).parent.mkdir(parents=True, exist_ok=True)
    done = [f"wrote {PARAMS}, {GRAPH}"]
    if folder / place != file:
        with pending(folder / place) as copy, file.open("rb") as source, copy.open("wb") as target:
            shutil.copyfileobj(source, target, CHUNK)
        done.append(f"copied {file.name} to {place}")
    write_text(folder / GRAPH, graph_text())
    write_text(folder / STUDIES, files("flows.draft").joinpath("studies.md").read_text(encoding="utf-8"))
    _ignore(folder / ".gitignore")
    done += _under_dvc(folder)
    # Last, since it makes the folder a problem: what fails before leaves one where the same command can run again.
    with pending(folder / PARAMS) as draft:
        draft.write_bytes(params.encode())
        pin(folder)
    done.append(f"pinned {DATA}/ as {PIN}")
    return done + _first_commit(folder)


def _first_commit(folder: Path) -> list[str]:
    """Commit the problem where git has no commit yet: an experiment is recorded on top of one."""
    if git_output(folder, "rev-parse", "--git-dir") is None or git_output(folder, "rev-parse", "--verify", "HEAD"):
        return []
    written = [name for name in WRITTEN if (folder / name).exists()]
    commit = ("commit", "--quiet", "--no-gpg-sign", "--message", "New problem, drafted by `mtl init`", "--")
    if git_output(folder, "add", "--", *written) is None or git_output(folder, *commit, *written) is None:
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


def _under_dvc(folder: Path) -> list[str]:
    """Experiments need git, stages need DVC; where there is either already, it is kept."""
    from dvc.exceptions import DvcException, NotDvcRepoError
    from dvc.repo import Repo

    try:
        Repo.find_root(str(folder))
    except NotDvcRepoError:
        pass
    else:
        return []
    done = []
    root = git_output(folder, "rev-parse", "--show-toplevel")
    if root is None and git_output(folder, "init", "--quiet") is not None:
        root = str(folder)
        done.append("initialised a git repository")
    try:
        subdir = root is not None and Path(root) != folder
        with Repo.init(str(folder), no_scm=root is None, subdir=subdir) as repo, repo.config.edit("repo") as config:
            config["core"]["analytics"] = False
    except DvcException as error:
        raise ToolError(f"DVC in {folder}: {error}") from None
    return [*done, "initialised a DVC repository" + ("" if root else ", without git: experiments will not be recorded")]
