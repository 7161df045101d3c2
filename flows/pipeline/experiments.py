"""Retrains as DVC experiments."""

from pathlib import Path

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
