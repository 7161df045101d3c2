"""The one place that speaks to DVC: what has to run, in which order, and what a run is remembered as.

DVC is called in this process: a command of its own costs seconds a stage, and does not say whether the stage ran.
"""

import logging
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

from flows.failure import StageFailed, kept_failure
from mtl_core.errors import ToolError

__all__ = ["bring_up_to_date", "is_up_to_date", "opened", "save_experiment", "stage_names"]

GRAPH = "dvc.yaml"


@contextmanager
def opened(folder: Path) -> Iterator[Any]:
    """The DVC repository that the problem's folder lies in; what DVC raises becomes a ToolError."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    logging.getLogger("dvc").setLevel(logging.WARNING)  # it would talk of files to add to git after every call
    try:
        with chdir(folder), Repo(str(folder)) as repo:  # DVC takes some paths for relative to where it runs
            yield repo
    except DvcException as error:
        causes = [str(error)]
        while error.__cause__ is not None and isinstance(error.__cause__, Exception):
            error = error.__cause__
            causes.append(str(error))
        raise ToolError(f"DVC in {folder}: " + ": ".join(dict.fromkeys(causes))) from None


def stage_names(folder: Path) -> tuple[str, ...]:
    """The stages of the folder's `dvc.yaml`, each after what it needs; raises ToolError."""
    from dvc.repo.reproduce import plan_repro

    with opened(folder) as repo:
        ours = repo.stage.collect(str(folder / GRAPH))
        return tuple(stage.name for stage in plan_repro(repo.index.graph, ours) if stage in ours)


def is_up_to_date(folder: Path, stage: str) -> bool:
    """Whether one stage has nothing to do, whatever other ones have."""
    with opened(folder) as repo:
        return not repo.status([f"{folder / GRAPH}:{stage}"])


def bring_up_to_date(folder: Path, stage: str) -> bool:
    """Runs one stage unless it is up to date; says whether it ran. What it prints goes to this terminal.

    Raises StageFailed with the stage's own words and exit code, ToolError where DVC itself fails.
    """
    from dvc.exceptions import ReproductionError

    with opened(folder) as repo:
        try:
            return bool(repo.reproduce(f"{folder / GRAPH}:{stage}", single_item=True))
        except ReproductionError as error:
            if (kept := kept_failure(folder, stage)) is not None:
                raise StageFailed(f"stage {stage}: {kept}", kept.exit_code) from None
            raise StageFailed(f"stage {stage}: {error.__cause__ or error}; its output above says why", 1) from None


def save_experiment(folder: Path, name: str) -> str:
    """Records params, code, outputs and metrics as the DVC experiment `name`; says in words what came of it.

    A record is worth having and not worth failing for: where none can be made, the words say why.
    """
    from dvc.scm import NoSCM
    from scmrepo.exceptions import SCMError

    try:
        with opened(folder) as repo:
            if isinstance(repo.scm, NoSCM):
                return "not recorded as an experiment: DVC keeps them in git, and this folder is in no git repository"
            if not repo.scm.list_all_commits():
                return "not recorded as an experiment: it would stand on a commit, and the git repository has none yet"
            repo.experiments.save(name=name, force=True)
    except (ToolError, SCMError) as error:
        return f"not recorded as an experiment: {error}"
    return f"recorded as DVC experiment {name}"
