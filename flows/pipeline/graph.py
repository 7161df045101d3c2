"""The graph of stages in `dvc.yaml`: their order, which are up to date, and running them.

DVC is called in this process: a separate command takes seconds per stage, and does not report whether the stage ran.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import chdir, contextmanager, suppress
from importlib.resources import files
from pathlib import Path
from typing import Any

from flows.layout import Layout
from flows.pipeline.failure import StageFailed, last_failure
from flows.system_failure import system_failure
from mtl_core.errors import ProblemError, RunInProgress, ToolError

GRAPH = "dvc.yaml"
DIGESTS = "digests"
"""The stage that always runs: it updates the digests that the others depend on."""
STAGES = (DIGESTS, "validate", "prepare", "train", "export", "check", "report")
"""Stages in the order in which they run; `dvc.yaml` declares their dependencies."""


@contextmanager
def open_repository(folder: Path) -> Iterator[Any]:
    """The DVC repository around the problem's folder.

    An error of DVC becomes a RunInProgress if another DVC command works there, a SystemFailure if the operating
    system is the cause, else a ToolError.
    """
    from dvc.exceptions import DvcException
    from dvc.lock import LockError
    from dvc.repo import Repo

    logging.getLogger("dvc").setLevel(logging.WARNING)  # else it lists files to add to git after every call
    cache = folder
    try:
        # DVC resolves some paths against the working directory.
        with chdir(folder), _dates_as_text(), Repo(str(folder)) as repo:
            cache = Path(repo.cache.local.path)
            yield repo
    except LockError as error:
        raise RunInProgress(f"DVC in {folder}: {error}") from None
    except (DvcException, OSError) as error:
        if (failure := system_failure(error, cache)) is not None:
            raise failure from None
        causes = [str(error)]
        cause = error.__cause__
        while cause is not None:
            causes.append(str(cause))
            cause = cause.__cause__
        raise ToolError(f"DVC in {folder}: " + ": ".join(dict.fromkeys(causes))) from None


@contextmanager
def _dates_as_text() -> Iterator[None]:
    """Let DVC read a date in YAML without quotes as its text.

    DVC takes no date in any `params.yaml` below its repository. A boundary of a split by time means the same with and
    without quotes.
    """
    from ruamel.yaml.constructor import SafeConstructor

    tag, readers = "tag:yaml.org,2002:timestamp", SafeConstructor.yaml_constructors
    before = readers[tag]
    readers[tag] = SafeConstructor.construct_yaml_str
    try:
        yield
    finally:
        readers[tag] = before


def graph_text() -> str:
    """The `dvc.yaml` of every problem of this version."""
    return files("flows.draft").joinpath("graph.yaml").read_text(encoding="utf-8")


def check_graph(folder: Path) -> None:
    """Raise ProblemError for a `dvc.yaml` that lacks a stage, or of an earlier version that ignores code changes.

    No error without a `dvc.yaml`, which a single stage does not need.
    """
    from mtl_core.config.document import read_yaml

    path = folder / GRAPH
    fix = f"replace the file with `mtl init --graph > {path}`"
    try:
        document = read_yaml(path)
    except FileNotFoundError:
        return
    stages = document.get("stages") if isinstance(document, dict) else None
    if "- trunkline.json:" in path.read_text(encoding="utf-8"):
        raise ProblemError(
            f"{path}: must depend on the code through artifacts/digests.json, found trunkline.json of an "
            f"earlier version; {fix}, and remove trunkline.json"
        )
    if missing := [stage for stage in STAGES if not isinstance(stages, dict) or stage not in stages]:
        raise ProblemError(
            f"{path}: must have the stages {', '.join(STAGES)}, found no {', '.join(missing)}; a missing "
            f"stage never runs, and the model is not updated; {fix}"
        )
    _check_sections(folder, stages)
    _check_teacher(folder, stages)


def _check_sections(folder: Path, stages: Any) -> None:
    """Raise ProblemError if `params.yaml` lacks a section that may be empty, but that a stage depends on.

    DVC would not run the stage.
    """
    from mtl_core.config import Problem
    from mtl_core.config.document import PARAMS, read_yaml

    params = [param for stage in stages.values() if isinstance(stage, dict) for param in stage.get("params", [])]
    optional = {name for name, field in Problem.model_fields.items() if not field.is_required()}
    used = optional & {param for param in params if isinstance(param, str)}
    try:
        declared = read_yaml(folder / PARAMS)
    except FileNotFoundError:
        return
    if isinstance(declared, dict) and (missing := sorted(used - declared.keys())):
        raise ProblemError(
            f"{folder / PARAMS}: must have the sections used by {GRAPH}, found no "
            f"{', '.join(missing)}; to use the defaults, add {', '.join(f'`{section}: {{}}`' for section in missing)}"
        )


def _check_teacher(folder: Path, stages: Any) -> None:
    """Raise ProblemError if a champion teaches and `train` does not depend on it: DVC would not train with another."""
    from mtl_core.config.document import PARAMS, read_yaml
    from mtl_core.teacher_files import declares_champion

    dependency = Layout(Path()).teacher.as_posix()
    with suppress(FileNotFoundError):
        if declares_champion(read_yaml(folder / PARAMS)) and dependency not in stages["train"].get("deps", ()):
            raise ProblemError(
                f"{folder / GRAPH}: the stage train must depend on {dependency} for a teacher of kind champion, found "
                f"no such dependency; replace the file with `mtl init --graph > {folder / GRAPH}`"
            )


def stage_names(folder: Path) -> tuple[str, ...]:
    """The stages of the folder's `dvc.yaml` in topological order; raises ToolError."""
    from dvc.repo.reproduce import plan_repro

    check_graph(folder)
    with open_repository(folder) as repo:
        stages = repo.stage.collect(str(folder / GRAPH))
        return tuple(stage.name for stage in plan_repro(repo.index.graph, stages) if stage in stages)


def is_up_to_date(folder: Path, stage: str) -> bool:
    """True if the stage itself has nothing to do; the stages before it are not checked."""
    with open_repository(folder) as repo:
        return not repo.status([f"{folder / GRAPH}:{stage}"])


def commit_outputs(folder: Path, stage: str) -> None:
    """Record the present outputs of a stage in `dvc.lock` and DVC's cache, without running it."""
    with open_repository(folder) as repo:
        repo.commit(f"{folder / GRAPH}:{stage}", force=True)


def bring_up_to_date(folder: Path, stage: str, *, anew: bool = False) -> bool:
    """Run one stage unless it is up to date; True if it ran. Its output goes to this terminal.

    Args:
        anew: run it in any case, and take no output from DVC's cache, nor store one there.

    Raises StageFailed with the stage's own message and exit code, RunInProgress if another DVC command works on its
    files, ToolError if DVC itself fails.
    """
    from dvc.exceptions import ReproductionError
    from dvc.lock import LockError

    check_graph(folder)
    with open_repository(folder) as repo:
        try:
            options = {"force": anew, "run_cache": not anew, "no_commit": anew}
            return bool(repo.reproduce(f"{folder / GRAPH}:{stage}", single_item=True, **options))
        except ReproductionError as error:
            if (failure := last_failure(folder, stage)) is not None:
                raise StageFailed(f"stage {stage}: {failure}", failure.exit_code) from None
            if (system := system_failure(error, Path(repo.cache.local.path))) is not None:
                raise system from None
            cause = error.__cause__ or error
            if isinstance(cause, LockError):
                raise RunInProgress(f"stage {stage}: {cause}") from None
            # A stage on a full disk ends with its exit code, and cannot store its failure.
            if (code := re.search(r"exited with (\d+)$", str(cause))) is None:
                raise ToolError(f"stage {stage}: DVC could not run it: {cause}") from None
            raise StageFailed(f"stage {stage}: {cause}; see its output above", int(code[1])) from None
