"""A clone of the repository, beside the user's working tree, as it was when a version was trained."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.environment import variable
from flows.git import git_output
from flows.pipeline.graph import open_repository
from flows.reproduce.errors import NotReproducible
from mtl_core.errors import ToolError
from mtl_core.files import write_text
from serving.provenance import CodeRevision, ModelProvenance

EXPECTATIONS = "gx/expectations"


def find_revision(source: Path, code: CodeRevision, stored: frozenset[str]) -> tuple[str, tuple[str, ...]]:
    """The commit to check out, and the files whose uncommitted changes it lacks.

    It is the commit of the run or, if a file whose text the version does not store had changed, that of its DVC
    experiment, where the clone has it. Raises NotReproducible if the commit is not in the clone.
    """
    prefix = f"{code.folder}/" if code.folder else ""
    lost = tuple(name for name in code.changed if name.removeprefix(prefix) not in stored)
    if lost and code.experiment and _has_commit(source, code.experiment.revision):
        return code.experiment.revision, ()
    if not _has_commit(source, code.revision):
        raise NotReproducible(
            f"git commit {code.revision}: not in this clone; fetch the branch that has it, in a shallow clone with "
            "`git fetch --unshallow`"
        )
    return code.revision, lost


def clone(source: Path, revision: str, into: Path) -> None:
    """Clone the repository around `source` into a folder at a commit; raises ToolError.

    The clone shares the objects of the local repository, which is not changed.
    """
    root = git_output(source, "rev-parse", "--show-toplevel")
    assert root is not None  # it has the commit
    into.parent.mkdir(parents=True, exist_ok=True)
    without_hooks = ("-c", f"core.hooksPath={os.devnull}")
    steps = (
        (source, ("clone", "--quiet", "--local", "--no-checkout", "--", root, str(into))),
        (into, (*without_hooks, "checkout", "--quiet", "--detach", revision)),
    )
    for folder, arguments in steps:
        if git_output(folder, *arguments) is None:
            raise ToolError(f"{into}: `git {' '.join(arguments)}` failed; run it in {folder} to see why")


def write_files(folder: Path, provenance: ModelProvenance) -> None:
    """Write the files whose text the version stores into the problem's folder of the clone."""
    if any(name.startswith(EXPECTATIONS) for name in provenance.files):
        shutil.rmtree(folder / EXPECTATIONS, ignore_errors=True)  # may have others, which were deleted before the run
    for name, text in provenance.files.items():
        write_text(folder / name, text)


def configure_dvc(source: Path, folder: Path, cache_remote: str) -> None:
    """Give the clone's DVC the remotes of the source, also those that git ignores, and its cache as `cache_remote`.

    The clone has a cache of its own. Relative paths of the source's configuration are already resolved.
    """
    with open_repository(source) as repo:
        remotes = {name: dict(options) for name, options in repo.config["remote"].items()}
        default, cache = repo.config["core"].get("remote"), Path(repo.cache.local.path)
    # DVC's cache ends with files/md5, which a remote adds by itself.
    remotes[cache_remote] = {"url": str(cache.parents[1])}
    with open_repository(folder) as repo, repo.config.edit("local") as config:
        config["remote"] = remotes
        config["cache"] = {"dir": str(Path(repo.local_dvc_dir) / "cache")}
        if default:
            config["core"] = {"remote": default}


def forget_remotes(folder: Path) -> None:
    """Remove the remotes of `configure_dvc` from the clone, since their options may have credentials."""
    with open_repository(folder) as repo, repo.config.edit("local") as config:
        config["remote"] = {}
        config["core"].pop("remote", None)


@contextmanager
def code_of(root: Path) -> Iterator[None]:
    """Let the stages of the block import Trunkline from a clone that has it; else the installed one is used."""
    if not all((root / package / "__init__.py").is_file() for package in ("flows", "mtl_core", "serving")):
        yield
        return
    before = os.environ.get("PYTHONPATH")
    with variable("PYTHONPATH", os.pathsep.join([str(root), *([before] if before else [])])):
        yield


def _has_commit(folder: Path, revision: str) -> bool:
    return git_output(folder, "cat-file", "-e", f"{revision}^{{commit}}") is not None
