"""How numbers come about here and now: the command, the commit, the machine."""

import os
import platform
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from mtl_core.problem import Problem
from mtl_core.studies.made import Made, declaration

__all__ = ["made_by"]

PACKAGES = ("torch", "numpy", "scikit-learn", "lightgbm", "optuna", "onnxruntime")


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
    """Of the git repository around the folder; "" where there is none, or no git."""
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return ""
    return found.stdout.strip() if found.returncode == 0 else ""


def _processor() -> str:
    """Its model's name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
