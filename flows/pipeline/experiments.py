"""Retrains as DVC experiments."""

from pathlib import Path

from flows.git import git_output
from flows.pipeline.graph import open_repository
from mtl_core.errors import ToolError


def save_experiment(folder: Path, name: str) -> str:
    """Record params, code, outputs and metrics as the DVC experiment `name`; a sentence about the outcome.

    A record that fails does not fail the run: the sentence gives the reason.
    """
    from dvc.scm import NoSCM
    from scmrepo.exceptions import SCMError

    try:
        with open_repository(folder) as repo:
            if isinstance(repo.scm, NoSCM):
                return "not recorded as an experiment: this folder is not in a git repository"
            if not repo.scm.list_all_commits():
                return "not recorded as an experiment: the git repository has no commit yet"
            repo.experiments.save(name=name, force=True)
    except (ToolError, SCMError) as error:
        return f"not recorded as an experiment: {error}"
    return f"recorded as DVC experiment {name}"


def experiment_revision(folder: Path, name: str) -> tuple[str, str] | None:
    """Commit of the DVC experiment `name`, the newest of that name, and its parent; None without one."""
    fields = "--format=%(objectname) %(parent) %(refname)"
    refs = git_output(folder, "for-each-ref", "--sort=-creatordate", fields, "refs/exps") or ""
    for line in refs.splitlines():
        revision, _, rest = line.partition(" ")
        parent, _, ref = rest.partition(" ")
        if ref.rpartition("/")[2] == name and len(ref.split("/")) > 4:  # refs/exps/12/34.../NAME
            return revision, parent
    return None
