"""Provenance of the numbers of a study, and of a trained model: code, data, machine, versions."""

import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from flows.git import git_output
from flows.pipeline.dvc_lock import LOCK, data_hash
from flows.pipeline.graph import GRAPH
from flows.pipeline.pin import PIN, pinned_data
from mtl_core.config import PARAMS, Problem
from mtl_core.studies.provenance import Provenance, config_digest
from serving.provenance import CodeRevision, ModelProvenance, PinnedData, StageTime

PACKAGES = ("trunkline", "torch", "numpy", "scikit-learn", "lightgbm", "optuna", "onnx", "onnxruntime", "pyarrow")

RESULTS = [
    f":(exclude,top,glob)**/{pattern}" for pattern in ("dvc.lock", "studies/*.json", "studies/*.svg", "results/**")
]
"""Files that studies and stages write: their changes are not changes of the code."""

STORED_FILES = (PARAMS, GRAPH, LOCK, PIN, "gx/expectations/*.json")
"""Files whose text is stored with a version: a change of these needs no commit to be reproduced."""


def provenance_of(command: str, seeds: Sequence[int], folder: Path, problem: Problem) -> Provenance:
    """Provenance of the numbers that `command` computes from the folder's problem with those seeds."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return Provenance(
        command=command,
        commit=_commit(folder),
        seeds=tuple(seeds),
        machine=f"{processor()}, {cores} cores, {platform.system()}",
        versions=package_versions(),
        config_digest=config_digest(problem),
    )


def model_provenance(folder: Path, seed: int, stages: Mapping[str, StageTime]) -> ModelProvenance:
    """Provenance of the model in the folder's artifacts.

    Args:
        folder: the problem's folder, after its stages have run.
        stages: times of the stages that ran.

    Raises ToolError if DVC fails.
    """
    paths = sorted(path for pattern in STORED_FILES for path in folder.glob(pattern))
    return ModelProvenance(
        created=datetime.now(UTC),
        seed=seed,
        data=_data(folder),
        code=_code(folder),
        files={path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in paths},
        packages=package_versions(),
        processor=processor(),
        stages=dict(stages),
    )


def package_versions() -> dict[str, str]:
    """Versions of Python and of the installed packages on which the numbers depend."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def _data(folder: Path) -> PinnedData | None:
    """The data of the last run, by dvc.lock, with their files if data.dvc pins the same data; None without a hash."""
    if not (used := data_hash(folder)):
        return None
    pinned, files = pinned_data(folder) if (folder / PIN).exists() else ("", {})
    return PinnedData(hash=used, files=dict(files) if pinned == used else {})


def _code(folder: Path) -> CodeRevision | None:
    revision = git_output(folder, "rev-parse", "HEAD")
    if revision is None:
        return None
    changed = git_output(folder, "diff", "--name-only", "HEAD", "--", ":/", *RESULTS) or ""
    prefix = git_output(folder, "rev-parse", "--show-prefix") or ""
    return CodeRevision(revision=revision, folder=prefix.rstrip("/"), changed=tuple(changed.splitlines()))


def _commit(folder: Path) -> str:
    """Commit of the git repository around the folder; "" without a repository or git.

    Ends with + where a tracked file other than RESULTS differs from it.
    """
    commit = git_output(folder, "rev-parse", "--short=12", "HEAD")
    changed = git_output(folder, "status", "--porcelain", "--untracked-files=no", "--", ":/", *RESULTS)
    return (commit or "") + ("+" if commit and changed else "")


def processor() -> str:
    """Model name of the processor, as far as the system reports it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
