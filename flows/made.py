"""How numbers come about here and now: the command, the commit, the machine."""

import os
import platform
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from mtl_core.config import Problem
from mtl_core.studies.made import Made, declaration

__all__ = ["made_by"]

PACKAGES = ("trunkline", "torch", "numpy", "scikit-learn", "lightgbm", "optuna", "onnxruntime")

WRITTEN = (":(exclude,top,glob)**/dvc.lock", ":(exclude,top,glob)**/studies/**", ":(exclude,top,glob)**/results/**")
"""What commands write that tell of studies: it says nothing about the code that made them."""


def made_by(command: str, seeds: Sequence[int], folder: Path, problem: Problem) -> Made:
    """The record of numbers that `command` makes of the folder's problem with those seeds."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    machine = f"{_processor()}, {cores} cores, {platform.system()}"
    return Made(
        command=command,
        commit=_commit(folder),
        seeds=tuple(seeds),
        machine=machine,
        versions=versions,
        declaration=declaration(problem),
    )


def _commit(folder: Path) -> str:
    """Of the git repository around the folder; "" where there is none, or no git. With a + where a file that git keeps
    differs from it, other than what a study itself writes.
    """
    commit = _git(folder, "rev-parse", "--short=12", "HEAD")
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no", "--", ":/", *WRITTEN)
    return commit + ("+" if commit and changed else "")


def _git(folder: Path, *arguments: str) -> str:
    """What git prints; "" where it fails or is not there."""
    try:
        run = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return run.stdout.strip() if run.returncode == 0 else ""


def _processor() -> str:
    """Its model's name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
