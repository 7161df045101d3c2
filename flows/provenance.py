"""Provenance of numbers: command, commit, machine, versions."""

import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from flows.git import git_output
from mtl_core.config import Problem
from mtl_core.studies.provenance import Provenance, config_digest

PACKAGES = ("trunkline", "torch", "numpy", "scikit-learn", "lightgbm", "optuna", "onnxruntime")

RESULTS = [
    f":(exclude,top,glob)**/{pattern}" for pattern in ("dvc.lock", "studies/*.json", "studies/*.svg", "results/**")
]
"""Files that studies and stages write: their changes are not changes of the code."""


def provenance_of(command: str, seeds: Sequence[int], folder: Path, problem: Problem) -> Provenance:
    """Provenance of the numbers that `command` computes from the folder's problem with those seeds."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return Provenance(
        command=command,
        commit=_commit(folder),
        seeds=tuple(seeds),
        machine=f"{_processor()}, {cores} cores, {platform.system()}",
        versions=versions,
        config_digest=config_digest(problem),
    )


def _commit(folder: Path) -> str:
    """Commit of the git repository around the folder; "" without a repository or git.

    Ends with + where a tracked file other than RESULTS differs from it.
    """
    commit = git_output(folder, "rev-parse", "--short=12", "HEAD")
    changed = git_output(folder, "status", "--porcelain", "--untracked-files=no", "--", ":/", *RESULTS)
    return (commit or "") + ("+" if commit and changed else "")


def _processor() -> str:
    """Model name of the processor, as far as the system reports it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
