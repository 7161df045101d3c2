"""Types. A test, so that mypy, which takes a minute of a core, runs in parallel with the other tests."""

import subprocess
import sys
from pathlib import Path


def test_mypy_reports_no_error() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "mypy"], cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
