"""Git, where it is installed."""

import subprocess
from pathlib import Path


def git_output(folder: Path, *arguments: str) -> str | None:
    """Output of `git` run in the folder, stripped; None if the command fails or git is not installed."""
    try:
        run = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return run.stdout.strip() if run.returncode == 0 else None
